"""What must hold of rows, tables and populations before long work."""
