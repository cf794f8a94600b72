"""SQL on stored results: `sandbox` checks a statement, `runner` executes it in DuckDB."""
