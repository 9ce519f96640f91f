"""Whether a server speaks the protocol: ``assa conformance``.

Rules are sentences of the protocol, each with a small conversation that shows whether it holds. Any server
can be tried, whatever it is written in. Nothing here is shared with the server of this package, which would
agree with itself about its own mistakes: the conversations are written from the documents, and what both
have in common are the published schemas alone.
"""
