"""Tests of the dbt project, run on small raw tables."""
