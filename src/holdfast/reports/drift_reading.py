"""Drift in words, for terminal, page and notebook alike."""

from __future__ import annotations

import numpy as np

from holdfast import words
from holdfast.domain.drift import ColumnDrift, Drift, Joint, Standing, Vocabulary
from holdfast.domain.verdict import Outcome
from holdfast.monitors.profiling import quantile

STATES = {
    Standing.DRIFTED: ("breach", "Drifted"),
    Standing.MOVED: ("pass", "Moved"),
    Standing.STEADY: ("pass", "Steady"),
    Standing.UNKNOWN: ("inconclusive", "Too few rows"),
}
"""Shape and word of each standing."""

MEANS = {
    Standing.DRIFTED: "further than the limit, and further than chance explains",
    Standing.MOVED: "further than chance explains, but less than the limit",
    Standing.STEADY: "no further than chance explains",
    Standing.UNKNOWN: "no further than chance explains, in too few rows to see a drift as large as the limit",
}
LEAST_PERCENT = 0.001


def sentence(drift: Drift) -> str:
    """The whole in one sentence."""
    drifted, changed = drift.of(Standing.DRIFTED), [one for one in drift.unlike if one.is_change]
    columns = len(drift.columns)
    if drifted:
        most = f"; `{drifted[0].name}` most" if len(drifted) > 1 else f": `{drifted[0].name}`"
        return f"{words.sentence_case(_of(len(drifted), columns))} drifted{most}."
    if changed:
        return f"The columns are not the same: `{changed[0].name}`, {changed[0].why}."
    if drift.joint is not None and drift.joint.standing is Standing.DRIFTED:
        return f"No single column drifted, but {_apart(drift.joint)}."
    if drift.outcome is Outcome.INCONCLUSIVE:
        few = len(drift.of(Standing.UNKNOWN))
        if not few:
            return "No column can be compared."
        return f"No drift is shown, but {_of(few, columns)} {'has' if few == 1 else 'have'} too few rows to tell."
    moved = len(drift.of(Standing.MOVED))
    aside = f"; {words.count(moved, 'column')} moved a little" if moved else ""
    return f"No column drifted{aside}."


def _of(some: int, all: int) -> str:
    return "the one column" if all == 1 else f"{words.spelled(some)} of {words.count(all, 'column')}"


def together(joint: Joint) -> str:
    """What all columns together show."""
    told = f"a classifier tells the samples apart with an AUC of {joint.auc:.2f}, where chance gives 0.50"
    if joint.standing in (Standing.DRIFTED, Standing.MOVED):
        return f"{words.sentence_case(_apart(joint))}: {told}; at least {words.number(joint.distance, 'share')} moved"
    return f"{'They go together as they did' if joint.standing is Standing.STEADY else 'Too few rows'}: {told}"


def _apart(joint: Joint) -> str:
    names = " and ".join(f"`{name}`" for name, _ in joint.told_by[:2])
    return f"columns go together differently{f', by {names} above all' if names else ''}"


def change(column: ColumnDrift) -> str:
    """What changed, or what the column looks like where nothing did."""
    parts = [_words(column.vocabulary) if column.vocabulary else _values(column), _missing(column)]
    if column.missing_gap > column.difference.distance:
        parts.reverse()
    if column.unseen is not None and column.unseen >= LEAST_PERCENT:
        parts.append(f"{words.number(column.unseen, 'share')} are labels that the reference never shows")
    return "; ".join(part for part in parts if part)


def _values(column: ColumnDrift) -> str:
    if not column.reference.known or not column.current.known:
        return ""
    if column.bins.is_number:
        medians = [quantile(column.bins, counts, 0.5) for counts in (column.reference, column.current)]
        in_sd = column.difference.in_sd
        far = f", {in_sd:.2g} sd apart on average" if in_sd is not None and in_sd >= 0.005 else ""
        return f"median {words.number(medians[0])} → {words.number(medians[1])}{far}"
    shares = [np.array(counts.cells) / counts.known for counts in (column.reference, column.current)]
    place = int(np.argmax(np.abs(shares[1] - shares[0])))
    name = f"`{column.bins.labels[place]}`" if column.bins.labels and place < len(column.bins.labels) else "all others"
    then, now = (words.number(float(share[place]), "share") for share in shares)
    return f"{name} {then} → {now}"


def _words(vocabulary: Vocabulary) -> str:
    """Which words came and went, and how many are new."""
    then, now = (words.number(share, "share") for share in (vocabulary.usual, vocabulary.unseen))
    parts = [f"{now} of words are new to it, where {then} are usual"]
    for named, how in ((vocabulary.came, "more often"), (vocabulary.went, "less often")):
        told = ", ".join(
            f"`{one.word}` {words.number(one.then, 'share')} → {words.number(one.now, 'share')}" for one in named[:3]
        )
        parts += [f"{how} {told}"] if told else []
    return "; ".join(parts)


def _missing(column: ColumnDrift) -> str:
    then, now = column.reference.missing_share, column.current.missing_share
    if max(then, now) < LEAST_PERCENT:
        return ""
    return f"missing {words.number(then, 'share')} → {words.number(now, 'share')}"


def size(column: ColumnDrift) -> str:
    """The share of rows that moved, by their values or by having one."""
    return words.number(column.moved, "share")


def chance(column: ColumnDrift) -> str:
    """How far samples of these sizes lie apart by chance."""
    return words.number(column.difference.by_chance, "share")


def p_value(value: float) -> str:
    """A p-value as people read it."""
    return "below 0.001" if value < 0.001 else f"{value:.3f}".rstrip("0").rstrip(".") if value < 1 else "1"
