"""Report: one self-contained HTML file with results that a browser filters and sorts without a network."""
