"""Fakes and contract checks, public for plug-in authors."""

from holdfast.testing.trial import Trial

__all__ = ["Trial"]
