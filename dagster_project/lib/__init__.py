"""What the definitions and the command line share: the dbt project, execution, what must hold around them."""
