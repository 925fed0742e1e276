"""What may go wrong around a warehouse, made to go wrong: reduced as tests, in full by `make faults`."""
