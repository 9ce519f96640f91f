"""ASSA as a service of a program: ``twistd -n -y docs/examples/chat.tac``."""

import os

from twisted.application.service import Application
from twisted.internet import reactor

from assa.config import load
from assa.service import ChatService

application = Application("shop")
chat = ChatService(load(None, os.environ), reactor)
chat.setServiceParent(application)
