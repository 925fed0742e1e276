"""Data as other people have it: each line ends in right values, or in words that name model, column and way out."""
