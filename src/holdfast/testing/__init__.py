"""Fakes and contract checks, public for plug-in authors."""

from holdfast.testing.trial import Call, GuardTrial, MonitorTrial, Traffic, Trial

__all__ = ["Call", "GuardTrial", "MonitorTrial", "Traffic", "Trial"]
