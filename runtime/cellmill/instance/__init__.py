"""What happened: events, runs, catalog and automation state, on SQLite and PostgreSQL."""
