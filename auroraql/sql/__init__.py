"""From a Query to one SQL statement with bound parameters; no value of a query ever becomes SQL text.

Reading order: `bindings`, `comparison` (what it means to compare a value), `fields` (two of them), `predicate`, `during`,
`order`, `groups`, `participants` and `conjunctions` (which are computed), `layout` (where the fields are), `statement`.
"""
