"""Fitting a task on labels: its feature sets, candidates, selection, baseline and evaluation."""
