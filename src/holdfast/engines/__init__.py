"""Counting decisions where they lie: one set of Ibis expressions for DuckDB, PostgreSQL, Spark and other engines."""
