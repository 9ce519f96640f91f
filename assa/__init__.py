"""ASSA: a real-time chat and WebRTC-signalling server on Twisted.

`assa.tap` is where twistd begins, `assa.cli` where the `assa` command begins, and
`assa.service` the one place that puts the parts together.
"""

from __future__ import annotations

from typing import Final

__version__: Final = "0.1.0"
