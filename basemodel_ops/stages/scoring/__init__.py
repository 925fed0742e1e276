"""Answers of one cutoff as they stream out of the warehouse; sketches that are asked; answers without labels."""
