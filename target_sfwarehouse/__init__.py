"""The target: Singer messages as tables in a schema of a Postgres warehouse."""
