"""Why an entity has its score: what happens to the score when events had not happened."""
