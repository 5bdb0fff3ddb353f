"""Behaviour that Dagster documents, as tests that run against `cellmill.dagster` and against Dagster itself.

`CONFORMANCE_AGAINST=dagster pytest tests/conformance` (in an environment that has Dagster) proves the tests; without
the variable they prove cellmill.
"""
