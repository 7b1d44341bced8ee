"""What every monitor must keep, as functions that a plug-in author's own test suite can call.

    from holdfast.testing.monitor_contract import CHECKS

    @pytest.mark.parametrize("keeps", CHECKS)
    def test_my_monitor(keeps):
        keeps(my_monitor)

Each check raises AssertionError with what was broken.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from holdfast import canonical
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.profile import Counts, Cross, Profile
from holdfast.domain.schema import Kind, Schema
from holdfast.domain.watch import LABEL, SCORE, Baseline, Batch
from holdfast.monitors.contract import MonitorSpec, Need, Rows, Seen, Series, Yielded
from holdfast.monitors.counting import count
from holdfast.monitors.false_discovery import first_alarms
from holdfast.monitors.seasons import season
from holdfast.monitors.streams import watch
from holdfast.testing.trial import MonitorTrial

SEEDS = (0, 1, 2)


def trial_of(spec: MonitorSpec) -> MonitorTrial:
    """The trial that the monitor names."""
    module, _, attribute = spec.trial.partition(":")
    trial = getattr(importlib.import_module(module), attribute)
    assert isinstance(trial, MonitorTrial), f"{spec.trial} is not a MonitorTrial"
    return trial


@cache
def planted(trial: MonitorTrial, seed: int) -> Seen:
    """What the trial plants, made once."""
    return trial.planted(seed)


def look(spec: MonitorSpec, seen: Seen) -> list[Yielded]:
    """Everything that the monitor yields, with its trial's parameters."""
    return list(spec.run(seen, spec.with_params(trial_of(spec).params)))


def shown(seen: Seen, records: list[Yielded]) -> list[str]:
    """What an alarm would be raised for: measures of series that change or lie beyond their own limit after the
    ordinary batches, and slugs of findings above INFO.
    """
    found = [r.slug for r in records if isinstance(r, Finding) and r.severity is not Severity.INFO]
    series = [r for r in records if isinstance(r, Series)]
    return [*found, *_changing(seen, series), *(one.measure for one in series if _beyond(seen, one))]


def _changing(seen: Seen, series: list[Series]) -> list[str]:
    """The measures of those that alarm, chosen among all."""
    when = season([batch.start for batch in seen.batches], seen.span)
    known = [one for one in series if np.isfinite(one.values[: seen.ordinary]).sum() >= when.fewest]
    alarms = first_alarms([watch(one.values, when, seen.ordinary, seed=seen.seed) for one in known])
    return [one.measure for one, alarm in zip(known, alarms, strict=True) if alarm is not None]


def _beyond(seen: Seen, series: Series) -> bool:
    later = series.values[seen.ordinary :]
    later = later[np.isfinite(later)]
    low = series.floor is not None and bool((later < series.floor).any())
    return low or (series.ceiling is not None and bool((later > series.ceiling).any()))


def says_what_it_is(spec: MonitorSpec) -> None:
    """Its words are there, its measures explain themselves, and its parameters are plain data."""
    assert spec.title
    assert spec.question.endswith("?"), f"the question of {spec.id} should be one"
    assert spec.cost, f"{spec.id} should say what it costs"
    assert spec.measures
    for measure in spec.measures:
        assert measure.meaning.endswith("."), f"the meaning of {measure.id} should be a sentence"
    canonical.encode(spec.params)


def declares_what_it_yields(spec: MonitorSpec) -> None:
    """Every measurement and series is of a declared measure, and every finding rests on declared measures."""
    seen = planted(trial_of(spec), 0)
    declared = {measure.id: measure for measure in spec.measures}
    for record in look(spec, seen):
        if isinstance(record, Finding):
            assert set(record.measures) <= set(declared), f"{record.slug} rests on undeclared measures"
            continue
        assert record.measure in declared, f"{record.measure} is not declared"
        if isinstance(record, Measurement):
            units = (declared[record.measure].unit, seen.baseline.schema.currency)
            assert record.unit in units, f"{record.measure} is in {record.unit}, declared in {units[0]}"
        else:
            T = (len(seen.batches),)
            assert record.values.shape == record.rows.shape == T, f"a series of {record.measure} has other batches"
            assert not np.isinf(record.values).any(), f"a series of {record.measure} is infinite"


def repeats_itself(spec: MonitorSpec) -> None:
    """The same batches and seed give the same bytes; batches made anew give them, too."""
    trial = trial_of(spec)
    first = _bytes(look(spec, planted(trial, 1)))
    assert first == _bytes(look(spec, planted(trial, 1))), f"{spec.id} gave different records for the same batches"
    assert first == _bytes(look(spec, trial.planted(1))), f"the trial of {spec.id} is not the same for the same seed"


def _bytes(records: list[Yielded]) -> bytes:
    return b"\n".join(_one(record) for record in records)


def _one(record: Yielded) -> bytes:
    if isinstance(record, Series):
        limits = (record.measure, record.scope, record.floor, record.ceiling, record.pools)
        return repr(limits).encode() + record.values.tobytes() + record.rows.tobytes()
    return canonical.encode(record)


def does_not_mind_how_batches_were_added_up(spec: MonitorSpec) -> None:
    """Batches that were counted in two parts and added up, in whatever order of columns, say the same."""
    seen = planted(trial_of(spec), 0)
    rng = np.random.default_rng(0)
    joined = tuple(_split_and_joined(batch, rng) for batch in seen.batches)
    assert _bytes(look(spec, replace(seen, batches=joined))) == _bytes(look(spec, seen)), (
        f"{spec.id} says something else of the same batches, added up from parts"
    )


def _split_and_joined(batch: Batch, rng: np.random.Generator) -> Batch:
    crosses = tuple(_halved(cross, rng) for cross in batch.crosses)
    counts = tuple(_counts_halved(one, rng) for one in batch.profile.counts)
    profile = Profile(batch.profile.rows, batch.profile.bins, counts, batch.profile.data)
    return replace(batch, profile=profile, crosses=crosses[::-1], facts=batch.facts[::-1])


def _halved(cross: Cross, rng: np.random.Generator) -> Cross:
    halves = [rng.integers(0, cell[-1] + 1) for cell in cross.cells]
    here = [(*cell[:-1], int(n)) for cell, n in zip(cross.cells, halves, strict=True) if n]
    there = [(*cell[:-1], int(cell[-1] - n)) for cell, n in zip(cross.cells, halves, strict=True) if cell[-1] > n]
    return Cross(cross.by, tuple(there[::-1])) + Cross(cross.by, tuple(here))


def _counts_halved(counts: Counts, rng: np.random.Generator) -> Counts:
    cells = tuple(int(rng.integers(0, cell + 1)) for cell in counts.cells)
    here = Counts(cells, (0.0,) * len(counts.sums), counts.missing, counts.infinite)
    rest = tuple(cell - part for cell, part in zip(counts.cells, cells, strict=True))
    return here + Counts(rest, counts.sums)


def adds_up_what_it_makes_of_rows(spec: MonitorSpec) -> None:
    """Of two parts, in either order and by way of JSON, its fold makes what it makes of the whole."""
    if spec.fold is None:
        return
    fold, baseline = spec.fold, planted(trial_of(spec), 0).baseline
    params, rows = spec.with_params(trial_of(spec).params), some_rows(baseline, 600)
    half = np.arange(len(rows)) < 250
    parts = [_through_json(fold.of(baseline, rows.take(which), params)) for which in (half, ~half)]
    whole = _through_json(fold.of(baseline, rows, params))
    for a, b in (parts, parts[::-1]):
        assert _alike(_through_json(fold.plus(a, b)), whole), f"the fold of {spec.id} does not add up"
    nothing = _through_json(fold.of(baseline, rows.take(np.arange(0)), params))
    assert _alike(_through_json(fold.plus(nothing, whole)), whole), f"{spec.id}: no rows add something"


def _through_json(fact: Any) -> Any:
    return json.loads(canonical.encode(fact))


def _alike(one: Any, other: Any) -> bool:
    """Equal, numbers up to what the order of adding changes."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_alike(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        return bool(np.isclose(one, other, rtol=1e-9, atol=1e-9))
    return bool(one == other)


def some_rows(baseline: Baseline, n: int) -> Rows:
    """Rows that fit the schema, some of their values missing, from a few principals."""
    rng, schema = np.random.default_rng(3), baseline.schema
    columns = [_values(schema, place, n, rng) for place in range(len(schema.features))]
    at = 1.8e9 + np.sort(rng.uniform(0, 86_400, n))
    k = max(1, len(schema.classes))
    codes = schema.task.is_classification
    decision = rng.integers(0, k, n).astype(np.float64) if codes else rng.normal(0, 1, n)
    label = rng.integers(0, k, n).astype(np.float64) if codes else decision + rng.normal(0, 1, n)
    label[rng.random(n) < 0.3] = np.nan
    who = np.array([f"key {place}" for place in rng.integers(0, 5, n)], dtype=object)
    return Rows.of(
        np.column_stack(columns),
        score=rng.random(n) if codes else decision,
        decision=decision,
        label=label,
        at=at,
        label_at=np.where(np.isnan(label), np.nan, at + rng.exponential(86_400, n)),
        principal=who,
        subject=who,
        source=np.where(np.isnan(label), "", "registry").astype(object),
        id=np.array([f"{place:08d}" for place in range(n)], dtype=object),
    )


def _values(schema: Schema, place: int, n: int, rng: np.random.Generator) -> Any:
    feature = schema.features[place]
    if feature.kind is Kind.CATEGORY:
        values = rng.integers(-1, max(1, len(feature.categories)), n).astype(np.float64)
    else:
        values = rng.normal(0, 1, n)
        values[rng.random(n) < 0.02] = np.inf
    values[rng.random(n) < 0.05] = np.nan
    return values


def honours_its_needs(spec: MonitorSpec) -> None:
    """It runs without what it does not declare: without outcomes, scores, protected attributes or principals."""
    seen = planted(trial_of(spec), 0)
    for need, column in ((Need.LABELS, LABEL), (Need.SCORES, SCORE)):
        if need not in spec.needs:
            look(spec, replace(seen, batches=tuple(_without(batch, column) for batch in seen.batches)))
    if Need.PROTECTED not in spec.needs:
        bare = replace(seen.baseline, schema=replace(seen.baseline.schema, protected=()))
        look(spec, replace(seen, baseline=bare))
    look(spec, replace(seen, batches=tuple(replace(batch, facts=()) for batch in seen.batches)))


def _without(batch: Batch, column: str) -> Batch:
    """The batch with a column missing in every row."""
    names = [bins.name for bins in batch.profile.bins]
    counts = [
        Counts((0,) * len(one.cells), (0.0,) * len(one.sums), batch.rows) if name == column else one
        for name, one in zip(names, batch.profile.counts, strict=True)
    ]
    crosses = tuple(_cross_without(cross, column) for cross in batch.crosses)
    profile = replace(batch.profile, counts=tuple(counts))
    return replace(batch, profile=profile, crosses=crosses, labelled=0 if column == LABEL else batch.labelled)


def _cross_without(cross: Cross, column: str) -> Cross:
    missing = {place: bins.count for place, bins in enumerate(cross.by) if bins.name == column}
    cells = tuple((*(missing.get(p, at) for p, at in enumerate(cell[:-1])), cell[-1]) for cell in cross.cells)
    return Cross(cross.by) + Cross(cross.by, cells)  # cells that fell together add up


def survives_odd_batches(spec: MonitorSpec) -> None:
    """No batches, one, a few, some without a row, some in which nothing is known: records, or none, but no crash."""
    seen = planted(trial_of(spec), 0)
    schema, bins = seen.baseline.schema, seen.baseline.usual.profile.bins
    params = spec.with_params(trial_of(spec).params)
    asked = spec.asks(seen.baseline, params)
    n = 40
    unknown = Rows.of(np.full((n, len(schema.features)), np.nan), at=np.full(n, 1.8e9))

    def made(batch: Batch, rows: Rows) -> Batch:
        fact = (
            ()
            if spec.fold is None
            else ((spec.id, canonical.encode(spec.fold.of(seen.baseline, rows, params)).decode()),)
        )
        return replace(count(batch.start, schema, rows, bins, asked), facts=fact)

    empty = [made(batch, unknown.take(np.arange(0))) for batch in seen.batches]
    blank = [made(batch, unknown) for batch in seen.batches]
    mixed = [blank[i] if i % 5 == 1 else empty[i] if i % 5 == 2 else batch for i, batch in enumerate(seen.batches)]
    for batches in ([], seen.batches[:1], seen.batches[:3], empty, blank, mixed):
        found = look(spec, replace(seen, batches=tuple(batches), ordinary=min(seen.ordinary, len(batches))))
        for series in (record for record in found if isinstance(record, Series)):
            assert len(series.values) == len(batches), f"{spec.id} tells of other batches than there are"


def finds_the_planted_change(spec: MonitorSpec) -> None:
    """What its trial names shows on each planted stream."""
    trial = trial_of(spec)
    for seed in SEEDS:
        seen = planted(trial, seed)
        found = shown(seen, look(spec, seen))
        assert trial.finds in found, f"{spec.id} showed {found or 'nothing'} for seed {seed}, not {trial.finds}"


def stays_quiet_on_the_clean_twin(spec: MonitorSpec) -> None:
    """Nothing shows on any clean stream, though it measures."""
    trial = trial_of(spec)
    for seed in SEEDS:
        seen = trial.clean(seed)
        records = look(spec, seen)
        found = shown(seen, records)
        assert not found, f"{spec.id} cried wolf for seed {seed}: {found}"
        assert any(isinstance(r, Measurement | Series) for r in records), (
            f"{spec.id} measured nothing on the clean twin"
        )


CHECKS: tuple[Callable[[MonitorSpec], None], ...] = (
    says_what_it_is,
    declares_what_it_yields,
    repeats_itself,
    does_not_mind_how_batches_were_added_up,
    adds_up_what_it_makes_of_rows,
    honours_its_needs,
    survives_odd_batches,
    stays_quiet_on_the_clean_twin,
    finds_the_planted_change,
)
