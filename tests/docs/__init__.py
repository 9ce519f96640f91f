"""What the documents say, and whether it is so."""
