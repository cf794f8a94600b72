"""The kinds of record that can be searched, one module each."""
