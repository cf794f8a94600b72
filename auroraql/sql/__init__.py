"""Compilation of a Query to one SQL statement. Every value is a bound parameter and never becomes SQL text.

Reading order: `bindings`, `comparison` (field and value), `field_comparison` (two fields), `predicate`,
`interval_overlap`, `order`, `groups`, `participants` and `conjunctions` (computed records), `column_mapping`
(tables and columns), `statement`.
"""
