"""Watches over labels that come back: who gives them, which ones come at all, and what may be learned from."""
