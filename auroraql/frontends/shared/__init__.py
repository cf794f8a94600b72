"""What the command line and the REPL share."""
