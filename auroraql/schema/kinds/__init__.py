"""Kinds of records that can be searched, one module each."""
