"""Postgres: connections, what the server can do, types, tables and statements."""
