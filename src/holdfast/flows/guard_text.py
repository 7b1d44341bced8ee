"""Guard: what the guards on text say of one text, at once: no gateway, no policy, no set-up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Guarded, Mode, Place, Stage
from holdfast.domain.policy import GuardTerms, Policy
from holdfast.guards.armed_text import ArmedText, Remark, arm_text, enforced
from holdfast.guards.passages import Passage, Span, redact
from holdfast.plugins import find_guards
from holdfast.policy import read_policy

FAMILIES = {"injection": "text.injection", "pii": "text.personal_data", "secrets": "text.secrets"}
"""What people call the guards that need nothing but the text."""

MOST_CHARACTERS = 4_000_000


class TextGuards:
    """Guards made ready once, for any number of texts.

    `only` names some of them (`FAMILIES`); a `policy` file says which guards run, and how, in place of them.
    """

    def __init__(self, only: Sequence[str] = (), policy: Path | None = None) -> None:
        terms = read_policy(policy) if policy is not None else _everything(only)
        specs = find_guards(())
        armed = [one for stage in (Stage.BEFORE, Stage.AFTER) for one in arm_text(terms, specs, stage)]
        self._armed = tuple({one.spec.id: one for one in armed}.values())
        if not self._armed:
            raise FixInput("guard.none", "No guard on text would run.", "Name one in the policy, or leave it out.")

    def read(self, text: str, role: str = "user") -> Guarded:
        """What they say of a text that somebody in this role speaks: user, system, assistant, tool or document."""
        if len(text) > MOST_CHARACTERS:
            raise FixInput("guard.too-long", f"It is longer than {MOST_CHARACTERS:,} characters.", "Read it in parts.")
        passage = Passage(role, text)
        return _summed(text, [guard.read([passage]) for guard in self._armed])


def read_lines(lines: Iterable[bytes]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The objects of JSON lines, each with the number of its line; FixInput where one has no `text`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = orjson.loads(line)
        except ValueError as error:
            what = f"Line {number} is no JSON: {error}."
            raise FixInput("guard.line", what, 'Write {"text": ...} a line.') from error
        if not isinstance(told, dict) or not isinstance(told.get("text"), str):
            raise FixInput("guard.line", f"Line {number} has no `text`.", 'Write {"text": ...} a line.')
        yield number, told


def _everything(only: Sequence[str]) -> Policy:
    unknown = [name for name in only if name not in FAMILIES]
    if unknown:
        raise FixInput("guard.unknown", f"There is no {unknown[0]!r:.60} to look for.", f"Take {', '.join(FAMILIES)}.")
    ids = [FAMILIES[name] for name in FAMILIES if name in only or not only]
    return Policy("everything", "1", tuple(GuardTerms(id, Mode.ENFORCE) for id in ids))


def _summed(text: str, remarks: Sequence[Remark]) -> Guarded:
    outcome = enforced(remarks)
    gravest = max(remarks, key=_weight)
    passing = "" if outcome is Action.BLOCK else text
    if outcome is Action.REDACT:
        spans = [span for one in remarks if one.action is Action.REDACT and _counts(one.armed) for span in _of(one)]
        passing = redact(text, tuple(spans))
    return Guarded(
        outcome=outcome,
        guard=gravest.armed.spec.id,
        score=gravest.score,
        spans=tuple(
            Place(one.armed.spec.id, span.start, span.end, span.instead) for one in remarks for span in _of(one)
        ),
        text=passing,
        verdicts=tuple(remark.verdict("text") for remark in remarks),
    )


def _weight(remark: Remark) -> tuple[bool, int, float]:
    """The gravest first, and of equals the one that is furthest beyond its threshold."""
    over = float("inf") if remark.score is None else remark.score / (remark.armed.threshold or 1.0)
    return _counts(remark.armed), remark.action.rank, over


def _counts(armed: ArmedText) -> bool:
    return armed.mode is Mode.ENFORCE


def _of(remark: Remark) -> tuple[Span, ...]:
    return remark.spans[0] if remark.spans else ()
