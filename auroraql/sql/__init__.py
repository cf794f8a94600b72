"""Compilation of a Query to one SQL statement. Every value is a bound parameter and never becomes SQL text.

Reading order: `dialect` (the spelling of an engine), `clauses` (comparisons, values, WHERE, ORDER BY, LIMIT),
`interval_overlap`, `groups`, `participants` and `conjunction_pipeline` (computed records), `statement` (tables, columns
and the whole).
"""
