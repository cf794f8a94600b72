"""The other written forms of a search: query JSON, sentence, plan JSON, pyaurorax and curl; and mixed scripts."""
