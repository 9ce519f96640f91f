"""What the broken servers of :mod:`tests.mutants` do wrong."""
