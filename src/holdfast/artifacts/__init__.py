"""Scanning files before anything in them is loaded: which would run code, which cannot, which nobody can tell."""
