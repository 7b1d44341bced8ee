"""Whether the model is still right: measured once labels came, estimated before they do."""
