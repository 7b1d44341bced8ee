"""Does the model still answer as it did on held-out data? Its score, and what it decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from holdfast.domain.watch import DECISION, SCORE
from holdfast.monitors.contract import Seen, Yielded, monitor
from holdfast.monitors.drift._columns import measured, of_column, series, total
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
    WIDTH,
)


@dataclass(frozen=True, slots=True)
class Params:
    """`window` is how many of the latest batches are measured together; a batch of under `fewest` answers says
    nothing.
    """

    window: int = 7
    fewest: int = 30


@monitor(
    title="Drift of answers",
    question="Does the model still answer as it did on held-out data?",
    measures=(DISTANCE, PSI, JENSEN_SHANNON, WASSERSTEIN, MISSING, UNSEEN, PLACE, WIDTH, COMMONNESS, LABEL_SHARE),
    params=Params(),
    cost="counts alone",
    catalogue=("OWASP:ML08", "NISTAML:02"),
    trial="holdfast.testing.trials.drift:OUTPUTS",
)
def run(seen: Seen, params: Params) -> Iterator[Yielded]:
    """Score and decision of the latest batches against held-out data; and what each batch shows of them."""
    latest = seen.batches[seen.past :][-params.window :]
    for name in (SCORE, DECISION):
        bins = seen.baseline.bins(name)
        usual = of_column(seen.baseline.usual, bins) if bins is not None else None
        if bins is None or usual is None:
            continue
        yield from series(seen, bins, usual, (("column", name),), params.fewest)
        now = total(latest, bins)
        if now is not None and now.known + now.missing:
            yield from measured(bins, usual, now, {"column": name})
