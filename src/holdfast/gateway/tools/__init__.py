"""Servers of tools: the Model Context Protocol, with every call judged before it is made."""
