"""A page about a run: what it reads of artifacts and tables, and the card of each model."""
