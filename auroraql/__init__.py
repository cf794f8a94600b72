"""AuroraQL."""
