"""The tests mirror the rooms; `conformance` holds what Dagster documents, `faults` what must not be lost."""
