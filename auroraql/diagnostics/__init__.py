"""Errors and warnings: diagnostics, their codes, the exceptions, and suggestions for misspelt names."""
