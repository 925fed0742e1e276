"""The command line: `basemodel --help` lists what it can."""
