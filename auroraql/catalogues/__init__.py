"""Catalogue files of users: files that this program creates, fills, checks and rewrites.

`writer` is the only module that changes records. The command line, `auroraql sync` and `auroraql serve` use it.
"""
