"""The tests of `assa.storage`: one contract that every store keeps, and what each part has of its own."""
