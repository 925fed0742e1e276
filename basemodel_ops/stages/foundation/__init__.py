"""The foundation model: what it is pretrained on, its learners, and reading what it makes of rows."""
