"""What training sees, pinned: the grid and its parts, the rows that are drawn, and those of each task."""
