"""Calls of tools: what a conversation holds so far, and whether its next call may be made."""
