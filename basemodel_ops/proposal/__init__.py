"""A first dbt project for tables that are there: what each holds is guessed from names, types and counts."""
