"""What would happen: pure decisions over definitions and state, no I/O and no clock."""
