"""What is usual of a system that answers in text: learned from its own first decisions, as no table says it before.

The log keeps no text of such systems, but the shape of each (`holdfast.text.shape`): the length and language of what
was asked, numbers that follow from its words, and the length of the answer. Here these are columns like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from holdfast.domain.errors import Absent
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.domain.watch import Baseline
from holdfast.monitors.contract import MonitorSpec, Rows
from holdfast.releases.baseline import MOST_ASKED, learned
from holdfast.text.languages import languages
from holdfast.text.shape import names_of

FEWEST = 200
"""Decisions from which something can be learned."""

PROMPT, ANSWER = "prompt", "answer"


def text_schema() -> Schema:
    """The shapes of prompts as features, and the length of the answer as what is answered."""
    language = Feature(f"{PROMPT}_language", Kind.CATEGORY, categories=languages(), missing=True, dtype="object")
    numbers = [Feature(name, Kind.NUMBER, low=-1.0, high=1.0, missing=True) for name in names_of(PROMPT)]
    features = (Feature(f"{PROMPT}_length", Kind.INTEGER, low=0, missing=True), language, *numbers)
    return Schema(Task.REGRESSION, features, target=f"{ANSWER}_length")


def text_baseline(release: str, decisions: Iterable[Rows], monitors: Sequence[MonitorSpec]) -> Baseline:
    """From a release's first decisions, the oldest first in any portions, read as `text_schema` has it.

    Absent where too few have the shape of a prompt: then this is no system that is asked with text, or it is new.
    """
    rows, parts = 0, list[Rows]()
    for some in decisions:
        asked = some.take(np.isfinite(some.X[:, 0]))
        parts += [asked] if len(asked) else []
        rows += len(asked)
        if rows >= MOST_ASKED:
            break
    if rows < FEWEST:
        what = f"The log shows {rows} prompts of this release; {FEWEST} say what is usual."
        raise Absent("watch.prompts", what, "Wait for more, or check the system's name and its release's digest.")
    whole = Rows.joined(parts)
    oldest = np.argsort(whole.at, kind="stable")[:MOST_ASKED]
    return learned(release, text_schema(), replace(whole.take(oldest), label=np.full(len(oldest), np.nan)), monitors)
