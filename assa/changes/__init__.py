"""Changes that several areas of the protocol make: rows and the events that tell of them."""
