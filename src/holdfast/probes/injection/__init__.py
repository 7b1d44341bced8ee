"""Injection: whether a chat does what others than its operator tell it to."""
