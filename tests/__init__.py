"""The tests mirror the rooms of the house; `conformance` holds what Dagster documents, `faults` what must not be lost."""
