"""Definitions of this project are built from the contract, in `dagster_project.definitions`."""
