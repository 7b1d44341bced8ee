"""Fakes and contract checks, public for plug-in authors."""

from holdfast.testing.trial import Call, GuardTrial, Traffic, Trial

__all__ = ["Call", "GuardTrial", "Traffic", "Trial"]
