"""A run as one page of HTML that needs nothing else: pictures drawn as SVG, tables, and a card for each model."""

FOLDER, FILE = "report", "report.html"
"""Artifacts of pages, one per week, and the file in the home that holds the newest one asked for: all name entities."""
