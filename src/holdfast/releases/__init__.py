"""A release as its manifest names it: its materials, what can be established about it, and one probe's attack on it."""
