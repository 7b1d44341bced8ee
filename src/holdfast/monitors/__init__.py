"""Questions that are asked of decisions again and again, and of two tables once."""
