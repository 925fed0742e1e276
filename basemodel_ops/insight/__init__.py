"""What embeddings say of entities side by side: neighbours, groups of groups, and what sets a group apart."""
