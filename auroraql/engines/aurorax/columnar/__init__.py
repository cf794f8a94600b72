"""Records of large responses in Arrow columns: decoded while they arrive, and read a few at a time."""
