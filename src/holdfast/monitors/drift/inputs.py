"""Is what the model sees still like what it was made for? Column by column, and weighed by what decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.domain.watch import INPUT
from holdfast.monitors.contract import Seen, Yielded, monitor
from holdfast.monitors.drift._columns import difference, measured, series, total
from holdfast.monitors.drift._measures import (
    COMMONNESS,
    DISTANCE,
    JENSEN_SHANNON,
    LABEL_SHARE,
    MISSING,
    PLACE,
    PSI,
    UNSEEN,
    WASSERSTEIN,
    WEIGHTED,
    WIDTH,
)


@dataclass(frozen=True, slots=True)
class Params:
    """`window` is how many of the latest batches are measured together; a batch of under `fewest` values says nothing
    of a column.
    """

    window: int = 7
    fewest: int = 30


@monitor(
    title="Drift of inputs",
    question="Is what the model sees still like what it was made for?",
    measures=(
        DISTANCE, PSI, JENSEN_SHANNON, WASSERSTEIN, MISSING, UNSEEN, WEIGHTED, PLACE, WIDTH, COMMONNESS, LABEL_SHARE,
    ),
    params=Params(),
    cost="counts alone",
    catalogue=("OWASP:ML08", "NISTAML:02"),
    trial="holdfast.testing.trials.drift:INPUTS",
)  # fmt: skip
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Each feature of the latest batches against the training data; and what each batch shows of it."""
    latest = seen.batches[seen.past :][-params.window :]
    baseline, moved = seen.baseline, list[tuple[float, float]]()
    weights = baseline.weights or (1.0,) * len(baseline.schema.features)
    trained = zip(baseline.training.bins, baseline.training.counts, strict=True)
    known = {bins.name.removeprefix(INPUT): (bins, counts) for bins, counts in trained}
    for name, weight in zip(baseline.schema.names, weights, strict=True):
        bins, usual = known[name]
        now = total(latest, bins)
        yield from series(seen, bins, usual, (("feature", name),), params.fewest)
        if now is not None and now.known + now.missing:
            yield from measured(bins, usual, now, {"feature": name})
            if usual.known and now.known:
                moved.append((weight, difference(bins, usual, now).distance))
    if sum(weight for weight, _ in moved) > 0:
        share = sum(weight * distance for weight, distance in moved) / sum(weight for weight, _ in moved)
        yield WEIGHTED.of(min(1.0, share), n=sum(batch.rows for batch in latest))
