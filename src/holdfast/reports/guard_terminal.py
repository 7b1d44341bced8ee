"""What `holdfast guard` prints: the sentence, where it stands in the text, and what each guard said."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from holdfast import words
from holdfast.domain.guard import Action, Guarded, GuardVerdict, Place
from holdfast.reports.terminal import SHAPES, STYLES, pairs, text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text


STATES = {
    Action.ALLOW: ("pass", "This text may pass."),
    Action.FLAG: ("inconclusive", "This text may pass, but somebody should know of it."),
    Action.REDACT: ("inconclusive", "This text may pass once parts of it are taken out."),
    Action.BLOCK: ("breach", "This text must not pass."),
}
AROUND = 40
"""Characters shown on each side of what a guard saw."""

SHOWN = 8

_SPACE = re.compile(r"\s+")


def render_guarded(found: Guarded, said: str) -> RenderableType:
    """What was found in what was `said`."""
    from rich.console import Group

    state, sentence = STATES[found.outcome]
    head = text(f"{SHAPES[state]} {words.sentence_case(found.outcome.value)}", STYLES[state])
    parts: list[RenderableType] = [head.append_text(text(f"  {sentence}", "bold"))]
    if found.spans:
        parts += [text(), pairs([_seen(place, said) for place in found.spans[:SHOWN]])]
        hidden = len(found.spans) - SHOWN
        parts += [text(f"and {words.spelled(hidden)} more, with --json", "dim")] if hidden > 0 else []
    parts += [text(), pairs([_said(verdict) for verdict in found.verdicts])]
    if found.outcome is Action.REDACT:
        parts += [text(), text("What may pass", "dim"), text(_SPACE.sub(" ", found.text).strip())]
    return Group(*parts)


def _seen(place: Place, said: str) -> tuple[Text, Text]:
    """Where it stands, between what stands around it."""
    cuts = (max(0, place.start - AROUND), place.start, place.end, place.end + AROUND)
    before, inside, after = (_SPACE.sub(" ", said[start:end]) for start, end in pairwise(cuts))
    line = text("…" if cuts[0] else "").append_text(text(before, "dim"))
    line.append_text(text(inside if len(inside) <= 4 * AROUND else f"{inside[: 4 * AROUND]}…", "bold"))
    line.append_text(text(after, "dim")).append("…" if cuts[3] < len(said) else "")
    return text(place.instead or place.guard), line


def _said(verdict: GuardVerdict) -> tuple[Text, Text]:
    state = STATES[verdict.action][0]
    score = "broke" if verdict.score is None else f"{verdict.score:.3g} of {verdict.threshold:.3g}"
    told = text(score).append_text(text(f"  {verdict.because}" if verdict.because else "", "dim"))
    return text(f"{SHAPES[state]} {verdict.guard}", STYLES[state]), told
