"""Catalogues of one's own: files that this program creates, fills, checks and rewrites.

`writer` is the only module that changes records. The command line, `auroraql sync` and `auroraql serve` use it.
"""
