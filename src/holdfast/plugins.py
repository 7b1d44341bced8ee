"""Finding plug-ins: those in this package by looking, third parties' through entry points that the settings name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from typing import Generic, TypeVar

from holdfast.domain.errors import FixInput
from holdfast.domain.measure import Measure
from holdfast.guards.contract import GuardSpec
from holdfast.monitors.contract import MonitorSpec
from holdfast.probes.contract import ProbeSpec

Spec = TypeVar("Spec", bound=ProbeSpec | GuardSpec | MonitorSpec)


@cache
def find_probes(plugins: tuple[str, ...] = ()) -> tuple[ProbeSpec, ...]:
    """All probes, by id. `plugins` names the distributions whose entry points may load; no other code is run."""
    return _all(_PROBES, plugins)


def find_probe(id: str, plugins: tuple[str, ...] = ()) -> ProbeSpec:
    """The probe with this id; FixInput, with the ids that exist, if there is none."""
    return _one(_PROBES, find_probes(plugins), id)


@cache
def find_guards(plugins: tuple[str, ...] = ()) -> tuple[GuardSpec, ...]:
    """All guards, by id; third parties' under the entry point group ``holdfast.guards``."""
    return _all(_GUARDS, plugins)


def find_guard(id: str, plugins: tuple[str, ...] = ()) -> GuardSpec:
    """The guard with this id; FixInput, with the ids that exist, if there is none."""
    return _one(_GUARDS, find_guards(plugins), id)


@cache
def find_monitors(plugins: tuple[str, ...] = ()) -> tuple[MonitorSpec, ...]:
    """All monitors, by id; third parties' under the entry point group ``holdfast.monitors``."""
    return _all(_MONITORS, plugins)


def find_monitor(id: str, plugins: tuple[str, ...] = ()) -> MonitorSpec:
    """The monitor with this id; FixInput, with the ids that exist, if there is none."""
    return _one(_MONITORS, find_monitors(plugins), id)


@dataclass(frozen=True)
class _Family(Generic[Spec]):
    """Plug-ins of one kind: what one is called, and where they are."""

    word: str
    kind: type[Spec]

    @property
    def package(self) -> str:
        """The package of those that come with Holdfast, and the entry point group of the others."""
        return f"holdfast.{self.word}s"


_PROBES = _Family("probe", ProbeSpec)
_GUARDS = _Family("guard", GuardSpec)
_MONITORS = _Family("monitor", MonitorSpec)


def _all(family: _Family[Spec], plugins: tuple[str, ...]) -> tuple[Spec, ...]:
    specs = {spec.id: spec for spec in (*_built_in(family), *_third_party(family, plugins))}
    return tuple(specs[id] for id in sorted(specs))


def _one(family: _Family[Spec], specs: tuple[Spec, ...], id: str) -> Spec:
    for spec in specs:
        if spec.id == id:
            return spec
    known = ", ".join(spec.id for spec in specs)
    raise FixInput(f"{family.word}.unknown", f"There is no {family.word} {id!r}.", f"There are: {known}.")


def find_measures(plugins: tuple[str, ...] = ()) -> dict[str, Measure]:
    """Every measure that a probe or a monitor declares, by id."""
    watched = {measure.id: measure for monitor in find_monitors(plugins) for measure in monitor.measures}
    return watched | {measure.id: measure for probe in find_probes(plugins) for measure in probe.measures}


def _built_in(family: _Family[Spec]) -> Iterator[Spec]:
    package = importlib.import_module(family.package)
    for module in pkgutil.walk_packages(package.__path__, f"{family.package}."):
        if not module.ispkg and not module.name.rpartition(".")[2].startswith("_"):
            spec = getattr(importlib.import_module(module.name), "run", None)
            if isinstance(spec, family.kind):
                yield spec


def _third_party(family: _Family[Spec], plugins: tuple[str, ...]) -> Iterator[Spec]:
    for point in entry_points(group=family.package):
        if point.dist is not None and point.dist.name in plugins:
            spec = point.load()
            if not isinstance(spec, family.kind):
                what = f"{point.value} is not a {family.word}."
                raise FixInput(f"{family.word}.not-a-spec", what, "Point at the decorated function.")
            yield spec
