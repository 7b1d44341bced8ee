"""What a gateway tells of its work: counts, traces, and events for whoever watches over security."""
