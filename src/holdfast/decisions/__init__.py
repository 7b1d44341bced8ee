"""The decision log: what was decided, durable before anybody hears of it, and provable for as long as it is kept."""
