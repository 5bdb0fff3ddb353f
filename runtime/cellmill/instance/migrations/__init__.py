"""Alembic's way from any older schema to the newest."""
