"""Archives: the engine protocol, the registry that opens them, and the caches that all engines share."""
