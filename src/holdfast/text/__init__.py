"""Reading text that may hide what it says: one plain form, views of what is encoded in it, and where each stood."""
