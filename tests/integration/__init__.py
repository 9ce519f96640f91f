"""Tests with real sockets, real processes and real files; everything else does without them."""
