"""HTTP both ways: the server that clients meet, and the connections to upstreams."""
