"""Do decisions decide which labels come back?

A loan that was refused is never repaid: the model learns only from those it approved. What is counted is which share of
decisions got a label, by what was decided and by score; for how much of the range of scores hardly any came; and
between which bounds the share of right decisions lies, whatever the labels that did not come would have said (Manski
1989, "Anatomy of the selection problem"). Where approvals and labels fall together the loop feeds itself (Lum and Isaac
2016, "To predict and serve?"; Perdomo et al. 2020, "Performative prediction").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.domain.profile import Bins
from holdfast.domain.schema import Task
from holdfast.domain.watch import DECISION, LABEL, Baseline
from holdfast.monitors.contract import Asks, Need, Seen, Yielded, monitor
from holdfast.monitors.feedback._sources import score_bins, wanted
from holdfast.monitors.seasons import season
from holdfast.monitors.streams import watch
from holdfast.statistics import wilson

Array = NDArray[np.float64]

MARGIN = 14
"""Batches before those that are too young, whose last labels may be on their way, too."""

LATEST = 28
"""Batches of which bounds and ranges are told: what is older may be mended."""

LABELLED = Measure(
    "feedback.labelled_share",
    "Decisions whose outcome became known",
    "share",
    Direction.HIGHER_IS_BETTER,
    "Share of decisions for which a label came back, all together or of one kind of decision.",
    (0, 1),
)
UNLABELLED = Measure(
    "feedback.unlabelled_range",
    "Decisions of a kind of which no outcome becomes known",
    "share",
    Direction.LOWER_IS_BETTER,
    "Share of decisions with scores for which hardly any label comes back: what happens there is not known.",
    (0, 1),
)
LEAST, MOST_RIGHT = (
    Measure(
        f"feedback.accuracy_at_{word}",
        f"Right decisions at {word}",
        "share",
        Direction.HIGHER_IS_BETTER,
        f"Share of right decisions if all labels that did not come said that the decision was {what}.",
        (0, 1),
    )
    for word, what in (("least", "wrong"), ("most", "right"))
)
COUPLED = Measure(
    "feedback.approvals_with_labels",
    "How approvals and labels move together",
    "correlation",
    Direction.NEUTRAL,
    "Rank correlation, over batches, of the share of favourable decisions and the share that got a label.",
    (-1, 1),
)


@dataclass(frozen=True)
class Params:
    """`hardly`: share of labels below which a bin of scores counts as without; `most`: share of such decisions that is
    worth a finding; `fewest`: decisions in a bin, and labels altogether, that say enough.
    """

    hardly: float = 0.02
    most: float = 0.1
    fewest: int = 50

    def __post_init__(self) -> None:
        if not (0 <= self.hardly < 1 and 0 < self.most <= 1 and self.fewest >= 1):
            raise ValueError("`hardly` and `most` are shares, `fewest` is at least 1")


def _by(baseline: Baseline) -> tuple[Bins, Bins, Bins] | None:
    score, decision, label = score_bins(baseline), baseline.bins(DECISION), baseline.bins(LABEL)
    return None if score is None or decision is None or label is None else (score, decision, label)


def asks(baseline: Baseline, _params: Params) -> Asks:
    """Labels by decision and score."""
    by = _by(baseline)
    return () if by is None else (by,)


@monitor(
    title="Which labels come back",
    question="Do decisions decide of whom the outcome becomes known?",
    needs={Need.LABELS, Need.SCORES},
    tasks={Task.BINARY, Task.MULTICLASS},
    measures=(LABELLED, UNLABELLED, LEAST, MOST_RIGHT, COUPLED),
    params=Params(),
    asks=asks,
    cost="one table of counts a batch",
    trial="holdfast.testing.trials.feedback:selective",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Shares of decisions with a label, what is left open by those that have none, and whether it feeds itself."""
    by = _by(seen.baseline)
    if by is None or not seen.batches:
        return
    tables = np.array([seen.table(batch, by) for batch in seen.batches], dtype=np.float64)
    known = tables[..., :-1].sum(axis=3)  # (T, scores, decisions)
    asked = tables.sum(axis=3)
    whole = _settled(known.sum(axis=(1, 2)), asked.sum(axis=(1, 2)))
    if not whole:
        return
    tables, known, asked = tables[:whole], known[:whole], asked[:whole]
    seen = replace(seen, batches=seen.batches[:whole], ordinary=min(seen.ordinary, whole))
    yield from _shares(by, known, asked, params)
    yield from _bounds(by, tables[-LATEST:])
    yield from _range(seen, by, known[-LATEST:], asked[-LATEST:], params)
    yield from _loop(seen, by, known, asked, params)


def _settled(known: Array, asked: Array) -> int:
    """How many of the batches are looked at. Labels of the latest are still on their way, or come no more, which
    `outcome.labels` sees: those of which not half of what is usual has come, and as many before them, within limits.
    """
    share = known / np.maximum(asked, 1)
    if not known.any():
        return 0
    least = float(np.median(share[known > 0])) / 2
    young = int(np.argmax(share[::-1] >= least))
    return max(0, len(share) - young - min(young, MARGIN))


def _shares(by: tuple[Bins, Bins, Bins], known: Array, asked: Array, params: Params) -> Iterator[Yielded]:
    whole, of = known.sum(axis=(1, 2)), asked.sum(axis=(1, 2))
    yield LABELLED.of(whole.sum() / of.sum(), n=int(of.sum()), interval=wilson(whole.sum(), int(of.sum())))
    for place, word in enumerate(by[1].labels or ()):
        part, of = known[..., place].sum(axis=1), asked[..., place].sum(axis=1)
        if of.sum() >= params.fewest:
            yield LABELLED.of(
                part.sum() / of.sum(), n=int(of.sum()), interval=wilson(part.sum(), int(of.sum())), decision=word
            )


def _bounds(by: tuple[Bins, Bins, Bins], tables: Array) -> Iterator[Yielded]:
    """Of right decisions, with labels that did not come taken for wrong, and for right."""
    _, decisions, labels = by
    if decisions.labels is None or labels.labels is None:
        return
    total = tables.sum(axis=(0, 1))
    meets = [(i, labels.labels.index(word)) for i, word in enumerate(decisions.labels) if word in labels.labels]
    right = sum(float(total[i, j]) for i, j in meets)
    rows, open_ = total.sum(), total[:, -1].sum()
    yield LEAST.of(right / rows, n=int(rows), interval=wilson(right, int(rows)))
    yield MOST_RIGHT.of((right + open_) / rows, n=int(rows), interval=wilson(right + open_, int(rows)))


def _range(seen: Seen, by: tuple[Bins, Bins, Bins], known: Array, asked: Array, params: Params) -> Iterator[Yielded]:
    score = by[0]
    came, of = known.sum(axis=(0, 2))[: score.count], asked.sum(axis=(0, 2))[: score.count]
    empty = (of >= params.fewest) & (came < params.hardly * of)
    share = float(of[empty].sum() / max(of.sum(), 1.0))
    yield UNLABELLED.of(share, n=int(of.sum()), interval=wilson(of[empty].sum(), int(of.sum())))
    if share >= params.most and came.sum() >= params.fewest:
        yield _blind(seen, score, came, of, share)


def _blind(seen: Seen, score: Bins, came: Array, of: Array, share: float) -> Finding:
    edges = ("lowest", *(f"{edge:.3g}" for edge in score.edges), "highest")
    rows = tuple((f"{edges[k]} to {edges[k + 1]}", int(of[k]), int(came[k])) for k in range(score.count))
    return Finding(
        slug="range-without-labels",
        title="For a part of the decisions no outcome ever becomes known",
        sentence=(
            f"Since {seen.batches[-LATEST:][0].start} hardly any label comes back for decisions with certain scores, "
            f"which are {share:.0%} of all."
        ),
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why="Labels were counted by score. Where none comes, no figure of performance and no retraining sees an error.",
        remedy="Decide a few such cases by chance or by hand, and follow them up; report performance with its bounds.",
        measures=(UNLABELLED.id, LEAST.id, MOST_RIGHT.id),
        exhibits=(Exhibit("Labels by score", ("score", "decisions", "labels"), rows),),
    )


def _loop(seen: Seen, by: tuple[Bins, Bins, Bins], known: Array, asked: Array, params: Params) -> Iterator[Yielded]:
    """Whether favourable decisions and labels move together."""
    schema = seen.baseline.schema
    words, word = by[1].labels or (), str(schema.classes[wanted(schema)])
    if word not in words:
        return
    of = asked.sum(axis=(1, 2))
    enough = of >= params.fewest
    approved = np.where(enough, asked[..., words.index(word)].sum(axis=1) / np.maximum(of, 1), np.nan)
    came = np.where(enough, known.sum(axis=(1, 2)) / np.maximum(of, 1), np.nan)
    if enough.sum() < 3 or np.ptp(approved[enough]) == 0 or np.ptp(came[enough]) == 0:
        return
    from scipy.stats import spearmanr

    together = float(spearmanr(approved[enough], came[enough]).statistic)
    yield COUPLED.of(together, n=int(enough.sum()))
    if together > 0:
        yield from _reinforced(seen, approved, came)


def _reinforced(seen: Seen, approved: Array, came: Array) -> Iterator[Finding]:
    when = season([batch.start for batch in seen.batches], seen.span)
    try:
        both = [watch(values, when, seen.ordinary, seed=seen.seed) for values in (approved, came)]
    except FixInput:  # too few of the batches in order have rows
        return
    if any(one.alarm is None for one in both) or both[0].shift * both[1].shift <= 0:
        return
    since = seen.batches[max(one.since or 0 for one in both)].start
    way = "Fewer" if both[0].shift < 0 else "More"
    yield Finding(
        slug="reinforces-itself",
        title="Decisions and the labels that they let through change together",
        sentence=(
            f"{way} favourable decisions ({both[0].shift:+.1%}) and {way.lower()} labels ({both[1].shift:+.1%}) since "
            f"{since}: what the next model learns from moves with what this one decides."
        ),
        severity=Severity.MEDIUM,
        confidence=Confidence.LOW,
        why="Both shares left what is usual for their days, in the same direction. What moved first is not known.",
        remedy="Retrain on cases that were decided by chance, or weigh labels by how likely they were to come.",
        measures=(COUPLED.id, LABELLED.id),
    )
