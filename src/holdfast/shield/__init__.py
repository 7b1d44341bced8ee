"""The shield: the guards around a model in the process that calls it."""
