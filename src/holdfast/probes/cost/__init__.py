"""Cost: how much one caller can make a chat spend."""
