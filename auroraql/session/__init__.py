"""An open archive: it analyzes statements, runs them as jobs, and answers SHOW, EXPLAIN and SQL."""
