"""Leakage: what a model gives away about the people it was trained on."""
