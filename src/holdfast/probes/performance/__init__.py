"""Whether the model is good enough, says how sure it is, and for whom it is not."""
