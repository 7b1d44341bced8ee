"""Probes of the model's files, before anything in them is loaded."""
