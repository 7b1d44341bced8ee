"""Records in plain words: numbers with their units, limits, ages, scopes. Every report speaks through here."""

from __future__ import annotations

import re

from holdfast.domain.appetite import Basis, Limit
from holdfast.domain.decision import Decision, Ended
from holdfast.domain.evidence import Evidence
from holdfast.domain.finding import Cell, Exhibit
from holdfast.domain.guard import Action, GuardVerdict, Mode
from holdfast.domain.measure import Interval, Measurement
from holdfast.domain.verdict import Reason, parse_time

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SELF_EXPLAINING = {"attribute", "column", "feature", "group", "slice"}
_ENDED = {
    Ended.ANSWERED: "Answered",
    Ended.BLOCKED: "Blocked by a guard",
    Ended.REVIEW: "Held for a person",
    Ended.FALLBACK: "Answered with the fallback",
    Ended.FAILED: "The model failed",
    Ended.OPENED: "Began to be answered",
}
_WANTED = {
    Action.ALLOW: ("let it pass", "would have let it pass"),
    Action.FLAG: ("noted it", "would have noted it"),
    Action.REDACT: ("took parts out", "would have taken parts out"),
    Action.REVIEW: ("asked for a person", "would have asked for a person"),
    Action.BLOCK: ("blocked it", "would have blocked it"),
}
"""What a guard did by its action, and what one in shadow would have done."""
_UNITLESS = {"", "1", "money", "ratio", "slope"}


def number(value: float, unit: str = "") -> str:
    """A value with its unit: ``41 %`` for the share 0.41, ``1,200 USD``, ``0.793 AUC``."""
    if unit == "share":
        return f"{_digits(100 * value)} %"
    return _digits(value) if unit in _UNITLESS else f"{_digits(value)} {_plural(unit, value)}"


def _digits(value: float) -> str:
    """Three significant digits, all digits of the whole part, no trailing zeros; tiny values in powers of ten."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}" if abs(value) < 1e12 else f"{value:.2e}"
    if abs(value) < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3g}"


def _plural(unit: str, value: float) -> str:
    """``1 import``, ``2 imports``: a unit that is a plural word loses its s for one."""
    singular = value == 1 and unit.islower() and unit.endswith("s") and not unit.endswith("ss") and len(unit) > 2
    return unit[:-1] if singular else unit


def interval(span: Interval | None, unit: str = "") -> str:
    """``34.2 to 47.8 %``, ``900 to 1,640``: it stands beside its value, which names other units than shares.

    Empty without an interval.
    """
    if span is None:
        return ""
    shown = unit if unit == "share" else ""
    return f"{number(span.low, shown).removesuffix(' %')} to {number(span.high, shown)}"


def bound(limit: Limit, unit: str = "") -> str:
    """``at most 25 %``."""
    low = "" if limit.minimum is None else f"at least {number(limit.minimum, unit)}"
    high = "" if limit.maximum is None else f"at most {number(limit.maximum, unit)}"
    return " and ".join(part for part in (low, high) if part)


def basis(limit: Limit) -> str:
    """Which end of the interval the limit looks at, in words."""
    return {
        Basis.ESTIMATE: "judged on the estimate",
        Basis.WORST: "the worse end of the interval must keep it",
        Basis.PROVEN: "breached only if the whole interval is beyond it",
    }[limit.basis]


def spelled(n: int) -> str:
    """A count as text sets it: ``two``, ``13``."""
    return _COUNTS[n] if n < len(_COUNTS) else f"{n:,}"


def count(n: int, noun: str) -> str:
    """``two limits``, ``one limit``, ``13 limits``."""
    return f"{spelled(n)} {noun}{'' if n == 1 else 's'}"


def sentence_case(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def scope(measurement: Measurement) -> str:
    """What the measurement is about: ``budget 0.05``, ``race=black``; empty for the whole."""
    return ", ".join(part(name, value) for name, value in measurement.scope)


def part(name: str, value: str) -> str:
    """One scope pair in words. What names a group or a column speaks for itself; ``budget 0.05`` does not."""
    return value if name in _SELF_EXPLAINING or "=" in value else f"{name.replace('_', ' ')} {value}"


def title(evidence: Evidence, measure: str) -> str:
    """The measure in plain words, or its id where the evidence does not define it."""
    known = evidence.measure(measure)
    return known.title if known else measure


def unit(evidence: Evidence, measure: str) -> str:
    """The measure's unit."""
    known = evidence.measure(measure)
    return known.unit if known else ""


def because(reason: Reason, evidence: Evidence) -> str:
    """A reason as a sentence with titles and units: ``Impact ratio (race=black): 0.5; the limit is at least 0.8.``"""
    if reason.limit is None:
        return sentence_case(reason.sentence)
    name, found = title(evidence, reason.limit.measure), reason.measurement
    if found is None:
        return sentence_case(reason.sentence.replace(reason.limit.measure, name, 1))
    about = f" ({scope(found)})" if found.scope else ""
    return f"{name}{about}: {number(found.value, found.unit)}; the limit is {bound(reason.limit, found.unit)}."


def age(taken_at: str, judged_at: str) -> str:
    """How old evidence was when it was judged: ``2 minutes``, ``3 days``."""
    seconds = int((parse_time(judged_at) - parse_time(taken_at)).total_seconds())
    if seconds < 0:
        return "dated in the future"
    for size, noun in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            n = seconds // size
            return f"{n:,} {noun}{'' if n == 1 else 's'}"
    return "under a minute"


def ago(text: str, now: str) -> str:
    """A time as seen from `now`: ``3 days ago``, ``in 2 hours``, ``just now``."""
    before, after = sorted((text, now), key=parse_time)
    span = age(before, after)
    if span == "under a minute":
        return "just now"
    return f"{span} ago" if before == text else f"in {span}"


def moment(text: str) -> str:
    """``23 Nov 2026, 21:38 UTC`` of an RFC 3339 time."""
    when = parse_time(text)
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


def short(digest: str) -> str:
    """The first 12 characters of a digest's hex."""
    return digest.removeprefix("sha256:")[:12]


def size(n: int) -> str:
    """A file's size: ``4.81 MB`` (powers of ten)."""
    for factor, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if n >= factor:
            return f"{n / factor:.3g} {name}"
    return f"{n} B"


def typeset(text: str) -> str:
    """The text with numbers bound to their units (``31 %``, ``800 USD``), so that no line breaks between them."""
    return re.sub(r"(?<=\d) (?=%|[A-Z]{3}\b)", "\N{NO-BREAK SPACE}", text)


def ended(decision: Decision) -> str:
    """How an exchange ended, as a heading: ``Blocked by a guard``."""
    return _ENDED.get(decision.ended, sentence_case(decision.ended.value))


def guard_said(verdict: GuardVerdict) -> str:
    """What a guard said of one decision, as a sentence."""
    wanted = _WANTED[verdict.action][verdict.mode is Mode.SHADOW]
    if verdict.failed:
        said = f"{verdict.guard} {verdict.version} broke, and by its policy for errors {wanted}"
    else:
        said = f"{verdict.guard} {verdict.version} {wanted}"
    if verdict.score is not None and verdict.threshold is not None:
        said += f" (score {_digits(verdict.score)}, from {_digits(verdict.threshold)} on it acts)"
    return f"{said}: {verdict.because}" if verdict.because else f"{said}."


def cell(value: Cell) -> str:
    """One cell of an exhibit. Whole numbers below 10,000 stay as they are: they may be years or codes."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    return number(value) if isinstance(value, float) else value


def numeric_columns(table: Exhibit) -> frozenset[int]:
    """The columns to align right: those that hold numbers and nothing else."""
    numbers = {
        at
        for at in range(len(table.columns))
        if table.rows and all(isinstance(row[at], int | float) and not isinstance(row[at], bool) for row in table.rows)
    }
    return frozenset(numbers)
