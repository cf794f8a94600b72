"""What a search returns: result sets, results stored under a name, and data frames."""
