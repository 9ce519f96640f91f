"""The protocol for machines and for readers, made from the classes of :mod:`assa.protocol`.

JSON Schemas of every message, an AsyncAPI document, TypeScript types and the reference in two languages.
What is made is in ``published/`` as well, to be read without this code; a test compares the two.
"""
