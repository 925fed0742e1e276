"""Measurements, printed as JSON. All ratios are measured side by side in one run; none of this is a test."""
