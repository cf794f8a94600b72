"""`auroraql serve`: AuroraX's search API over a local archive, for pyaurorax, its command line, or any HTTP client."""
