"""Guards of rows of tables."""
