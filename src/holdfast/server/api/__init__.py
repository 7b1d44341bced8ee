"""The API, one file for each thing that it is about. It translates and calls one trip; it holds no rule."""
