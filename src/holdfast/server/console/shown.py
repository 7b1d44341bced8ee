"""Evidence as a page shows it: the run that a report would render, and how measures went over releases."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from holdfast import charts, words
from holdfast.domain.act import Kept
from holdfast.domain.appetite import Appetite, Limit
from holdfast.domain.kinds import Filed
from holdfast.domain.measure import Direction, Interval, Measure, Measurement, Taken
from holdfast.domain.release import Release
from holdfast.domain.run import Run
from holdfast.domain.system import System
from holdfast.domain.verdict import Outcome, Verdict
from holdfast.flows.desk import APPETITE, Desk
from holdfast.flows.readings import evidence_of
from holdfast.flows.register import is_trusted, judge_evidence
from holdfast.reports import reading
from holdfast.reports.reading import VerdictRow

MOST_TRENDS = 6


@dataclass(frozen=True, slots=True)
class Shown:
    """Filed evidence with the verdict on it now, in the form that all reports read."""

    run: Run
    filed: Kept[Filed]
    is_trusted: bool

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        return reading.verdict_sentence(self.run)

    @property
    def rows(self) -> tuple[VerdictRow, ...]:
        """The verdict by limit, worst first."""
        return reading.rows(self.run)


def newest(desk: Desk, system: System, release: str) -> Shown | None:
    """The newest evidence on a release that counts, else the newest at all; None without any, or without appetite."""
    filed = desk.store.list(Filed, about=release, limit=20).items
    appetite = desk.store.find(Appetite, APPETITE)
    if not filed or appetite is None:
        return None
    trusted = next((kept for kept in filed if is_trusted(desk, kept.record.sealer)), None)
    chosen = trusted or filed[0]
    evidence = evidence_of(desk, chosen.key)
    verdict = judge_evidence(desk, system, evidence, chosen.key)
    run = Run(words.short(chosen.key), system, evidence, chosen.key, appetite.record, verdict, chosen.record.sealer)
    return Shown(run, chosen, trusted is not None)


def judged(desk: Desk, system: System, verdict: Verdict) -> Run:
    """The run behind a verdict that was given on filed evidence under the appetite in force."""
    evidence = evidence_of(desk, verdict.evidence)
    appetite = desk.store.get(Appetite, APPETITE).record
    return Run(words.short(verdict.evidence), system, evidence, verdict.evidence, appetite, verdict)


def waived(rows: tuple[VerdictRow, ...], open_limits: set[Limit]) -> tuple[VerdictRow, ...]:
    """The rows, with those that a waiver covers marked so: not kept, and yet no longer in the way."""
    return tuple(
        row if row.reason.outcome is Outcome.PASS or row.reason.limit in open_limits else replace(row, state="waived")
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure over a system's releases, drawn."""

    title: str
    limit: str
    svg: str
    breaches: bool


def trends(desk: Desk, system: System, run: Run) -> tuple[Trend, ...]:
    """The measures that the appetite limits, over the system's releases; those that breach now first."""
    courses = tuple(islice(_courses(desk, system, run), MOST_TRENDS))
    versions = desk.store.many(Release, {release for course in courses for release, _ in course.points})
    named = {digest: kept.record.version for digest, kept in versions.items()}
    return tuple(_drawn_course(course, named) for course in courses)


@dataclass(frozen=True, slots=True)
class _Course:
    """How a limited measure went: (release, measurement) points, the oldest first, and the limit."""

    measure: Measure
    limit: Limit
    breaches: bool
    points: list[tuple[str, Measurement]]


def _courses(desk: Desk, system: System, run: Run) -> Iterator[_Course]:
    for reason in run.verdict.reasons:
        if reason.limit is not None and reason.measurement is not None:
            measure = reading.definition(run, reason.limit.measure)
            points = _worst(measure, reason.limit, desk.store.trend(system.name, measure.id))
            breaches = reason.outcome is Outcome.BREACH
            if breaches or len({m.value for _, m in points}) > 1:  # a flat line that is kept shows nothing
                yield _Course(measure, reason.limit, breaches, points)


def _drawn_course(course: _Course, versions: Mapping[str, str]) -> Trend:
    named = tuple((versions.get(release, words.short(release)), m) for release, m in course.points)
    bound = words.bound(course.limit, course.measure.unit)
    return Trend(course.measure.title, bound, _drawn(course.measure, named, course.limit), course.breaches)


def _worst(measure: Measure, limit: Limit, taken: tuple[Taken, ...]) -> list[tuple[str, Measurement]]:
    """One value for each evidence: the worst that the limit covers; (release, measurement), the oldest first."""
    wanted = {f"{name} {value}" for name, value in limit.scope}
    worst: dict[str, Taken] = {}
    sign = -1 if limit.maximum is not None or measure.direction is Direction.LOWER_IS_BETTER else 1
    for one in taken:
        if wanted <= set(one.scope.split(", ")) and one.n >= limit.sample:
            known = worst.get(one.evidence)
            worst[one.evidence] = one if known is None or sign * one.value < sign * known.value else known
    return [(one.release, _measurement(measure, one)) for one in list(worst.values())[-24:]]


def _measurement(measure: Measure, taken: Taken) -> Measurement:
    span = Interval(taken.low, taken.high) if taken.low is not None and taken.high is not None else None
    return Measurement(measure.id, taken.value, measure.unit, measure.direction, taken.n, span)


@lru_cache(maxsize=512)
def _drawn(measure: Measure, points: tuple[tuple[str, Measurement], ...], limit: Limit) -> str:
    """Drawing takes a tenth of a second; the same points make the same picture."""
    return charts.svg(charts.trend(measure, points, replace(limit, scope=())))
