"""Tools: whether a chat calls what nobody who may has asked for."""
