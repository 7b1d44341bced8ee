"""What a gateway counts: cheaply while it serves, rendered only when somebody looks.

Counting is adding to numbers in dictionaries, by one thread; reading takes copies and may happen in another. Spread
go into buckets of `BOUNDS`. No label carries content, a secret, or who asked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from holdfast.domain.decision import Ended
from holdfast.domain.guard import Action, Mode

BOUNDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
)  # fmt: skip
"""Upper ends of the buckets of durations, in seconds; one more bucket takes what is longer."""

GENERATION_BOUNDS = (
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
)  # fmt: skip
TOKEN_BOUNDS = (
    1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
)  # fmt: skip
"""As OpenTelemetry's conventions have them (Semantic conventions for generative AI metrics, 1.37)."""

Labels = Mapping[str, str]
K = TypeVar("K", bound=str | tuple[str, ...])


class Kind(StrEnum):
    """How a family's values behave: they only grow, they go up and down, or they are durations."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Spread:
    """How often values of which size were seen, in buckets up to `bounds`, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float] = BOUNDS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def note(self, value: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(frozen=True, slots=True)
class Family:
    """Numbers of one name, told apart by labels; `name` without a counter's ``_total``."""

    name: str
    help: str
    kind: Kind
    samples: tuple[tuple[Labels, float | Spread], ...]
    unit: str = "1"


class Figures:
    """All counts of one gateway. `standing` are asked when somebody looks: what is so now, instead of what happened."""

    def __init__(self) -> None:
        self.standing: list[Callable[[], Iterable[Family]]] = []
        self._requests: defaultdict[int, Spread] = defaultdict(Spread)
        self._refusals: defaultdict[str, int] = defaultdict(int)
        self._exchanges: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._decisions: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._guards: defaultdict[tuple[str, str, str, str], int] = defaultdict(int)
        self._stages: defaultdict[tuple[str, str], Spread] = defaultdict(Spread)
        self._reloads: defaultdict[str, int] = defaultdict(int)
        self._generations: dict[tuple[tuple[str, str], ...], Spread] = {}
        self._tokens: dict[tuple[tuple[str, str], ...], Spread] = {}

    def request(self, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests[status].note(seconds)

    def refusal(self, code: str) -> None:
        """A request was refused, by the error's code."""
        self._refusals[code] += 1

    def exchange(self, system: str, lane: str, ended: Ended) -> None:
        """An exchange ended so, for all of its rows."""
        self._exchanges[system, lane, ended] += 1

    def decisions(self, system: str, lane: str, ended: Ended, rows: int) -> None:
        """So many rows were decided so."""
        self._decisions[system, lane, ended] += rows

    def guard(self, system: str, guard: str, mode: Mode, outcome: Action | str, rows: int) -> None:
        """A guard wanted this for so many rows, or broke (``failed``)."""
        self._guards[system, guard, mode, outcome] += rows

    def stage(self, system: str, stage: str, seconds: float) -> None:
        """How long one stage of an exchange took."""
        self._stages[system, stage].note(seconds)

    def generation(self, labels: Labels, seconds: float) -> None:
        """A model of language was asked, and answered or failed."""
        self._generations.setdefault(tuple(labels.items()), Spread(GENERATION_BOUNDS)).note(seconds)

    def tokens(self, labels: Labels, asked: int, answered: int) -> None:
        """How many tokens went into it, and came out."""
        for kind, count in (("input", asked), ("output", answered)):
            told = (*labels.items(), ("gen_ai.token.type", kind))
            self._tokens.setdefault(told, Spread(TOKEN_BOUNDS)).note(count)

    def reload(self, outcome: str) -> None:
        """The document was read again: ``taken`` or ``refused``."""
        self._reloads[outcome] += 1

    def families(self) -> Iterator[Family]:
        """Everything as it is now."""
        yield _timed("holdfast_request_seconds", "Requests, from their headers to their answer.", self._requests)
        yield _counted("holdfast_refusals", "Requests that were refused, by code.", ("code",), self._refusals)
        by = ("system", "lane", "ended")
        yield _counted("holdfast_exchanges", "Exchanges, by how they ended.", by, self._exchanges)
        yield _counted("holdfast_decisions", "Decisions (one for each row), by how they ended.", by, self._decisions)
        by_guard = ("system", "guard", "mode", "outcome")
        yield _counted("holdfast_guard_outcomes", "Rows for which a guard wanted something.", by_guard, self._guards)
        stages = list(self._stages.items())
        samples = tuple(({"system": system, "stage": stage}, kept) for (system, stage), kept in stages)
        stages_of = "Stages of exchanges: guards, upstream, log."
        yield Family("holdfast_stage_seconds", stages_of, Kind.HISTOGRAM, samples, "s")
        yield _labelled("gen_ai.client.operation.duration", "Models of language, asked.", self._generations, "s")
        yield _labelled("gen_ai.client.token.usage", "Tokens asked and answered.", self._tokens, "{token}")
        yield _counted("holdfast_reloads", "Times the document was read again.", ("outcome",), self._reloads)
        for standing in list(self.standing):
            yield from standing()


def _timed(name: str, help: str, kept: Mapping[int, Spread]) -> Family:
    samples = tuple(({"status": str(status)}, spread) for status, spread in list(kept.items()))
    return Family(name, help, Kind.HISTOGRAM, samples, "s")


def _labelled(name: str, help: str, kept: Mapping[tuple[tuple[str, str], ...], Spread], unit: str) -> Family:
    samples = tuple((dict(labels), spread) for labels, spread in list(kept.items()))
    return Family(name, help, Kind.HISTOGRAM, samples, unit)


def _counted(name: str, help: str, labels: tuple[str, ...], counts: Mapping[K, int]) -> Family:
    samples = [(dict(zip(labels, _parts(key), strict=True)), float(count)) for key, count in list(counts.items())]
    return Family(name, help, Kind.COUNTER, tuple(samples))


def _parts(key: str | tuple[str, ...]) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else key
