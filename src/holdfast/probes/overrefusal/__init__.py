"""Over-refusal: whether a chat declines what is harmless."""
