"""Language server: diagnostics, completion, hover and more for editors, over standard input and output (pygls)."""
