"""The shield: guards and log around a model, in the process that calls it."""

from holdfast.shielded.wrap import Shield, shield

__all__ = ["Shield", "shield"]
