"""Forgetting an entity: what is deleted at once, and what is trained again."""
