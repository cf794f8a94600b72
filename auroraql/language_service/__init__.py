"""Language service: what editors, notebooks and other programs ask about a text of statements. No terminal, no network."""
