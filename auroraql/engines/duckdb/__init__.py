"""The embedded engine: catalogue files in DuckDB, the demonstration, and post-processing of fetched records."""
