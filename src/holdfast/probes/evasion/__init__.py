"""Evasion: what it takes to change a decision by changing the row."""
