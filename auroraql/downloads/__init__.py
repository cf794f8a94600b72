"""Download of the files of a result: names, transfers, the manifest of a folder, and the report."""
