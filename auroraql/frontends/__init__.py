"""The programs: command line, REPL and HTTP server."""
