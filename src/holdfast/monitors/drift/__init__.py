"""Whether what a model sees, and what it answers, is still like what it was made for."""
