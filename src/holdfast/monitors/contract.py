"""What a monitor is: a question asked of the decision log again and again.

    @dataclass(frozen=True)
    class Params:
        fewest: int = 100

    def asks(baseline: Baseline, params: Params) -> Asks:
        return ((score_bins, label_bins),)

    @monitor(title=..., question=..., measures=(M,), params=Params(), asks=asks, trial="package.module:name")
    def run(seen: Seen, params: Params) -> Iterator[Yielded]:
        ...

The id comes from the file's place: ``holdfast/monitors/outcome/calibration.py`` is ``outcome.calibration``. Decisions
come as batches of counts: whatever a monitor asks for is counted where the decisions lie, and adds up, so that files
can be read once, in any order, by anybody. A monitor that has to see rows declares a `Fold`: it makes something small
of some rows, in JSON, that adds up too.

A monitor yields measurements, of the latest batches, and series: one number for each batch. Whether a series changed
is not for the monitor to say: `holdfast.monitors.streams` bets on that, for all series together. Fixed-sample
statistics are shown and never alarmed on alone. Same batches and seed, same records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measure, Measurement
from holdfast.domain.profile import Bins
from holdfast.domain.schema import TABULAR, Task
from holdfast.domain.watch import Baseline, Batch, Span

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

Asks = tuple[tuple[Bins, ...], ...]
"""The columns that are counted together, each by its bins; see `Batch.cross`."""


class Need(StrEnum):
    """What a monitor cannot do without. An unmet need is a reason why it did not run, in these words."""

    SCORES = "scores, not only decisions"
    LABELS = "outcomes that came back"
    PROTECTED = "a protected attribute"
    PRINCIPALS = "who asked"


@dataclass(frozen=True, eq=False)
class Rows:
    """Some decisions, n rows in no particular order.

    `X` is float64 (n, features) in schema order, codes for categories (-1 unseen), NaN for missing. `score`, `decision`
    and `label` are float64 (n,), NaN where there is none: the score of the favourable class (of the last one where
    none is), class codes (-1 for an answer that is no class); of a regression, `score` and `decision` are its value and
    `label` the true one. `at` and `label_at` (when the label arrived) are seconds since 1970, NaN for never. `source`
    (who gave the label), `principal`, `subject`, `ended` and `id` are arrays of str (n,), empty where there is none;
    `flagged` has the ids of the guards that flagged each row, tuples (n,).
    """

    X: Matrix
    score: Vector
    decision: Vector
    label: Vector
    at: Vector
    label_at: Vector
    source: NDArray[np.object_]
    principal: NDArray[np.object_]
    subject: NDArray[np.object_]
    ended: NDArray[np.object_]
    id: NDArray[np.object_]
    flagged: NDArray[np.object_]

    @classmethod
    def of(cls, X: Matrix, **known: Any) -> Rows:
        """Rows of which only this is known; the rest is missing."""
        n, texts = len(X), np.full(len(X), "", dtype=object)
        numbers = {name: np.full(n, np.nan) for name in ("score", "decision", "label", "at", "label_at")}
        flagged = np.empty(n, dtype=object)
        flagged[:] = [()] * n
        words = dict.fromkeys(("source", "principal", "subject", "ended", "id"), texts)
        return cls(X, **{**numbers, **words, "flagged": flagged, **known})

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of some parts, one at least, in order."""
        return cls(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)))

    def take(self, which: NDArray[Any]) -> Rows:
        """Some of them, by place or by a mask (n,)."""
        return Rows(*(getattr(self, one.name)[which] for one in fields(self)))

    def __len__(self) -> int:
        return len(self.X)


@dataclass(frozen=True)
class Fold:
    """How rows become something small that adds up.

    `of` makes it of some rows, of JSON types; `plus` of two, so that ``of(a and b)`` says what ``plus(of(a), of(b))``
    says, whatever comes first. It is bounded: at most a few hundred kilobytes for a day of any size.
    """

    of: Callable[[Baseline, Rows, Any], Any]
    plus: Callable[[Any, Any], Any]


@dataclass(frozen=True, eq=False)
class Series:
    """One number for each batch of `Seen`, to be watched for a change of its level.

    `values` is float64 (T,), NaN where a batch has too few rows; `rows` how many each rests on. `measure` and `scope`
    say what it is. `floor` and `ceiling` are None, or where the level may not stay: a limit that the measure itself
    brings (an appetite brings others). `pools` where the mean over series of the same measure is worth a look, too.
    """

    measure: str
    values: Vector
    rows: NDArray[np.int64]
    scope: tuple[tuple[str, str], ...] = ()
    floor: float | None = None
    ceiling: float | None = None
    pools: bool = False


Yielded = Measurement | Finding | Series


@dataclass(frozen=True, eq=False)
class Seen:
    """What a monitor looks at: T `batches` of one release, the oldest first, one for each `span` that had decisions,
    and what is usual of it. The first `ordinary` of them are known to be in order (or nobody has said otherwise); the
    first `past` are of held-out data, and no decisions.
    """

    baseline: Baseline
    batches: tuple[Batch, ...]
    span: Span = Span.DAY
    ordinary: int = 0
    past: int = 0
    seed: int = 0

    def rng(self, *key: int) -> np.random.Generator:
        """A generator that depends on the seed and `key` alone."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    def table(self, batch: Batch, by: tuple[Bins, ...]) -> NDArray[np.int64]:
        """The counts over these bins as an array, a place more in each direction for missing values."""
        counts = np.zeros([bins.count + 1 for bins in by], dtype=np.int64)
        cells = batch.cross(by).cells
        if cells:
            *places, found = np.array(cells, dtype=np.int64).T
            counts[tuple(places)] = found
        return counts


Run = Callable[[Seen, Any], Iterator[Yielded]]


@dataclass(frozen=True)
class MonitorSpec:
    """A declared monitor.

    `question` is what it asks, in one plain sentence; `needs` and `tasks` decide where it applies; `measures` is every
    measure that it may yield, under the names that probes use where they measure the same. `asks` says what has to be
    counted, `fold` what rows have to be made into (None: it looks at counts alone). `trial` names a
    `holdfast.testing.MonitorTrial` (``module:attribute``) with a planted change and a clean twin.
    """

    id: str
    version: str
    title: str
    question: str
    needs: frozenset[Need]
    tasks: frozenset[Task]
    measures: tuple[Measure, ...]
    params: Any
    cost: str
    catalogue: tuple[str, ...]
    trial: str
    asks: Callable[[Baseline, Any], Asks] = field(compare=False)
    fold: Fold | None = field(compare=False)
    run: Run = field(compare=False)

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.partition(".")[0]

    def with_params(self, overrides: Mapping[str, Any]) -> Any:
        """The monitor's parameters, some of them as somebody set them; FixInput for a name or value that cannot be."""
        try:
            return replace(self.params, **overrides)
        except (TypeError, ValueError) as error:
            raise FixInput(
                "monitor.parameter",
                f"The monitor {self.id} cannot be used like this: {error}.",
                f"Its parameters are: {', '.join(one.name for one in fields(self.params)) or 'none'}.",
            ) from error


def _nothing(_baseline: Baseline, _params: Any) -> Asks:
    return ()


def monitor(
    *,
    title: str,
    question: str,
    measures: tuple[Measure, ...],
    params: Any,
    trial: str,
    needs: frozenset[Need] | set[Need] = frozenset(),
    tasks: frozenset[Task] | set[Task] = frozenset(TABULAR),
    asks: Callable[[Baseline, Any], Asks] = _nothing,
    fold: Fold | None = None,
    cost: str = "",
    catalogue: tuple[str, ...] = (),
    version: str = "1",
) -> Callable[[Run], MonitorSpec]:
    """Declare a generator function as a monitor; see the module's docstring."""
    if not is_dataclass(params) or isinstance(params, type):
        raise TypeError("params is an instance of the monitor's Params dataclass")

    def declare(run: Run) -> MonitorSpec:
        return MonitorSpec(
            id=".".join(run.__module__.split(".")[-2:]),
            version=version,
            title=title,
            question=question,
            needs=frozenset(needs),
            tasks=frozenset(tasks),
            measures=measures,
            params=params,
            cost=cost,
            catalogue=catalogue,
            trial=trial,
            asks=asks,
            fold=fold,
            run=run,
        )

    return declare
