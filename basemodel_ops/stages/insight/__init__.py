"""Answers about entities side by side, from what is kept of a week: embeddings, look-alikes, segments."""
