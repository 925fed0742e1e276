"""What must hold of what was made; every function returns a `Finding`."""
