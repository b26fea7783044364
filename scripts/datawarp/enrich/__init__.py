"""What tables and columns mean: names, matching to reference, layers, review."""
