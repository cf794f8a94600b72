"""From a Query to one SQL statement with bound parameters; no value of a query ever becomes SQL text.

Reading order: `bindings`, `comparison` (what it means to compare a value), `predicate`, `order`, `layout`
(where the fields are kept), `statement`.
"""
