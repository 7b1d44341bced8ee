"""Who may ask what, how much of it, and which release may answer."""
