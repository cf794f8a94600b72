"""SQL over stored results: what a statement may read, and how it runs."""
