"""Jailbreaks: whether a chat can be talked out of the rules that it was given."""
