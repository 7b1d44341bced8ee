"""Reading text that may hide what it says: its plain form, what is encoded in it, and where each stood."""
