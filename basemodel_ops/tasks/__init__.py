"""Tasks: small fine-tunes of the foundation model, chosen out of time, beside an automatic baseline."""
