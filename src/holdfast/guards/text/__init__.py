"""Guards of what people and models say."""
