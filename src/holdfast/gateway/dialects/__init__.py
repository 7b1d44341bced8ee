"""The protocols in which programs talk to models: where text stands in them, and how each says what went wrong."""
