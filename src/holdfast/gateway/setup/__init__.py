"""From `gateway.yaml` to what is served, and from the next one on, while it is."""
