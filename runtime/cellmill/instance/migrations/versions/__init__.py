"""One module for each step of the schema; only ever added to."""
