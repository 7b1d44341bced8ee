"""From what the probe `poisoning.planted_triggers` found to the conditions that the guard `table.trigger` looks for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from holdfast.domain.finding import Finding
from holdfast.domain.schema import Feature, Kind, Schema

SLUG = "planted-trigger"
WORKS = 0.5
"""A candidate that turns fewer of the test rows is no trigger that somebody could use."""

DIGITS = 1e-5
"""Ends of a span are told with six digits: it is widened by what that may have cut off."""

_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_TURNED = re.compile(r"(\d+) of (\d+)")


def triggers_of(findings: Iterable[Finding], schema: Schema) -> tuple[str, ...]:
    """The triggers that work on the model, as relations: for `triggers` of the guard, in a policy.

    A candidate whose words do not fit the schema is left out: it was found in another table.
    """
    rows = (row for finding in findings if finding.slug == SLUG for row in _candidates(finding))
    found = (_conditions(words, schema) for words, turned in rows if _works(turned))
    return tuple(dict.fromkeys(" and ".join(parts) for parts in found if parts))


def _candidates(finding: Finding) -> Iterator[tuple[str, str]]:
    """The words of each candidate, and how many test rows it turned."""
    for exhibit in finding.exhibits:
        if {"values", "test rows turned by the model"} <= set(exhibit.columns):
            values, turned = exhibit.columns.index("values"), exhibit.columns.index("test rows turned by the model")
            yield from ((str(row[values]), str(row[turned])) for row in exhibit.rows)


def _works(turned: str) -> bool:
    match = _TURNED.fullmatch(turned)
    return match is not None and int(match[1]) >= WORKS * int(match[2])


def _conditions(words: str, schema: Schema) -> list[str]:
    """The conditions in `a = 1 and b missing and c from 2 to 3`; none where the words are not all understood."""
    found = []
    rest = words
    while rest:
        for feature in sorted(schema.features, key=lambda f: -len(f.name)):
            condition, end = _condition(rest, feature)
            if condition and (end == len(rest) or rest.startswith(" and ", end)):
                found.append(condition)
                rest = rest[end:].removeprefix(" and ")
                break
        else:
            return []
    return found


def _condition(text: str, feature: Feature) -> tuple[str, int]:
    """The condition on one feature at the start of a text, and where it ends; empty where there is none."""
    name = f"`{feature.name}`"
    if text.startswith(f"{feature.name} missing"):
        return f"missing({name})", len(f"{feature.name} missing")
    if feature.kind is Kind.CATEGORY:
        return _category(text, feature)
    if match := re.match(rf"{re.escape(feature.name)} = ({_NUMBER})", text):
        return f"{name} == {match[1]}", match.end()
    if match := re.match(rf"{re.escape(feature.name)} from ({_NUMBER}) to ({_NUMBER})", text):
        low, high = float(match[1]), float(match[2])
        return f"{low - DIGITS * abs(low)!r} <= {name} <= {high + DIGITS * abs(high)!r}", match.end()
    return "", 0


def _category(text: str, feature: Feature) -> tuple[str, int]:
    outside = f"{feature.name} = a value outside the list"
    if text.startswith(outside):
        return f"`{feature.name}` not in ({', '.join(map(repr, feature.categories))},)", len(outside)
    for label in sorted(feature.categories, key=lambda label: -len(str(label))):
        said = f"{feature.name} = {label}"
        if text.startswith(said) and text[len(said) :][:5] in ("", " and "):
            return f"`{feature.name}` == {label!r}", len(said)
    return "", 0
