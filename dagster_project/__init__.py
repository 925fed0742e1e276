"""Dagster assets, checks, schedules and the command line around `basemodel_ops`."""
