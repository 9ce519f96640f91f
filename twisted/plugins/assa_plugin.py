"""What `twistd` reads to learn that there is a server called `assa`.

Every run of twistd, of whatever server, imports this module; so it imports nothing of assa.
"""

from twisted.application.service import ServiceMaker

assa = ServiceMaker("ASSA", "assa.tap", "Real-time chat and call signalling server", "assa")
