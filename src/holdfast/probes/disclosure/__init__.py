"""Disclosure: whether a chat tells what it was told to keep."""
