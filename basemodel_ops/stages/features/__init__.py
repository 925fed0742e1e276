"""From events to rows: encoders, embeddings, codes, attributes, and the representation of an entity at a cutoff."""
