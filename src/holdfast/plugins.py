"""Finding probes: those in this package by looking, third parties' through entry points that the settings name."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib.metadata import entry_points

from holdfast.domain.errors import FixInput
from holdfast.domain.measure import Measure
from holdfast.probes.contract import ProbeSpec

ENTRY_POINTS = "holdfast.probes"


@cache
def find_probes(plugins: tuple[str, ...] = ()) -> tuple[ProbeSpec, ...]:
    """All probes, by id. `plugins` names the distributions whose entry points may load; no other code is run."""
    specs = {spec.id: spec for spec in (*_built_in(), *_third_party(plugins))}
    return tuple(specs[id] for id in sorted(specs))


def find_probe(id: str, plugins: tuple[str, ...] = ()) -> ProbeSpec:
    """The probe with this id; FixInput, with the ids that exist, if there is none."""
    for spec in find_probes(plugins):
        if spec.id == id:
            return spec
    known = ", ".join(spec.id for spec in find_probes(plugins))
    raise FixInput("probe.unknown", f"There is no probe {id!r}.", f"There are: {known}.")


def find_measures(plugins: tuple[str, ...] = ()) -> dict[str, Measure]:
    """Every measure that a probe declares, by id."""
    return {measure.id: measure for spec in find_probes(plugins) for measure in spec.measures}


def _built_in() -> Iterator[ProbeSpec]:
    package = importlib.import_module("holdfast.probes")
    for module in pkgutil.walk_packages(package.__path__, "holdfast.probes."):
        name = module.name.rpartition(".")[2]
        if not module.ispkg and not name.startswith("_") and name != "contract":
            spec = getattr(importlib.import_module(module.name), "run", None)
            if isinstance(spec, ProbeSpec):
                yield spec


def _third_party(plugins: tuple[str, ...]) -> Iterator[ProbeSpec]:
    for point in entry_points(group=ENTRY_POINTS):
        if point.dist is not None and point.dist.name in plugins:
            spec = point.load()
            if not isinstance(spec, ProbeSpec):
                raise FixInput("probe.not-a-spec", f"{point.value} is not a probe.", "Point at the decorated function.")
            yield spec
