"""The text form of the language: grammar, parser, AST, splitter, printer, formatter and highlighter."""
