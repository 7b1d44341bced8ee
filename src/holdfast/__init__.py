"""Holdfast: AI security that an enterprise runs itself.

    import holdfast

    result = holdfast.check(model, test, target="approved", train=train, protected=["sex"])
    result.outcome, result.findings, result.report

The names below are the public SDK; everything else may move. They load when first used, so that the import is instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from holdfast.version import __version__

if TYPE_CHECKING:
    from holdfast.appetite import read_appetite
    from holdfast.client import Client
    from holdfast.domain.appetite import Appetite, Limit, Tier
    from holdfast.domain.errors import (
        Blocked,
        FixInput,
        HoldfastError,
        ModelFailed,
        RefusedArtifact,
        Tampered,
        Unavailable,
    )
    from holdfast.domain.finding import Finding, Severity
    from holdfast.domain.measure import Measure, Measurement
    from holdfast.domain.verdict import Outcome, Verdict
    from holdfast.guards.learn import learn_reference
    from holdfast.policy import read_policy
    from holdfast.probes.contract import Case, ChatCase, Need, probe
    from holdfast.sdk import CheckResult, DriftResult, check, check_chat, drift, guard
    from holdfast.shielded import shield

_HOME = {
    "read_appetite": "appetite",
    "Appetite": "domain.appetite",
    "Limit": "domain.appetite",
    "Tier": "domain.appetite",
    "Client": "client",
    "Blocked": "domain.errors",
    "FixInput": "domain.errors",
    "HoldfastError": "domain.errors",
    "ModelFailed": "domain.errors",
    "RefusedArtifact": "domain.errors",
    "Tampered": "domain.errors",
    "Unavailable": "domain.errors",
    "Finding": "domain.finding",
    "Severity": "domain.finding",
    "Measure": "domain.measure",
    "Measurement": "domain.measure",
    "Outcome": "domain.verdict",
    "Verdict": "domain.verdict",
    "learn_reference": "guards.learn",
    "read_policy": "policy",
    "Case": "probes.contract",
    "ChatCase": "probes.contract",
    "Need": "probes.contract",
    "probe": "probes.contract",
    "CheckResult": "sdk",
    "check": "sdk",
    "check_chat": "sdk",
    "DriftResult": "sdk",
    "drift": "sdk",
    "guard": "sdk",
    "shield": "shielded",
}

__all__ = [
    "Appetite",
    "Blocked",
    "Case",
    "ChatCase",
    "CheckResult",
    "Client",
    "DriftResult",
    "Finding",
    "FixInput",
    "HoldfastError",
    "Limit",
    "Measure",
    "Measurement",
    "ModelFailed",
    "Need",
    "Outcome",
    "RefusedArtifact",
    "Severity",
    "Tampered",
    "Tier",
    "Unavailable",
    "Verdict",
    "__version__",
    "check",
    "check_chat",
    "drift",
    "guard",
    "learn_reference",
    "probe",
    "read_appetite",
    "read_policy",
    "shield",
]


def __getattr__(name: str) -> Any:
    """Load a public name from where it lives."""
    if name not in _HOME:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    value = getattr(import_module(f"holdfast.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
