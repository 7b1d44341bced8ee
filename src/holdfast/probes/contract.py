"""What a probe is: frozen parameters and one generator that yields Measurements and Findings about a Case.

    @dataclass(frozen=True)
    class Params:
        rows: int = 200

    @probe(title=..., question=..., measures=(M,), efforts={"quick": Params(rows=50)}, trial="package.module:name")
    def run(case: Case, params: Params) -> Iterator[Yielded]:
        ...

The id comes from the file's place: ``holdfast/probes/evasion/decision_based.py`` is ``evasion.decision_based``. The
decorator returns a spec and registers nothing; `holdfast.plugins` finds specs by looking. Same case, params and seed
must yield the same records. Time never bounds a probe's work: efforts do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.datasets.dataset import Dataset
from holdfast.domain.errors import FixInput
from holdfast.domain.finding import Finding
from holdfast.domain.measure import Measure, Measurement
from holdfast.domain.schema import TABULAR, Schema, Task
from holdfast.ports import Chat, Progress, Target

Yielded = Measurement | Finding
EFFORTS = ("quick", "standard", "deep")


class Need(StrEnum):
    """What a probe cannot do without. An unmet need makes a `Skipped`, with the reason in these words."""

    ARTIFACT = "the model as a file"
    MODEL = "a model that answers"
    SCORES = "scores, not only decisions"
    LABELS = "labelled test data"
    TRAINING_DATA = "the training data"
    PROTECTED = "a protected attribute"
    CHAT = "a chat that answers"
    PROMPT = "a system prompt that is sent with each request"
    CANARY = "a system prompt that is sent with each request, or a word planted in the endpoint's own"
    TOOLS = "tools that the chat may call"


@dataclass(frozen=True, eq=False)
class Case:
    """What a probe is asked about: the target and its data.

    `test` is held-out data, `train` what the model was trained on (None if not given); both are in the target's matrix
    form. `artifact` lists the release's files, `allow` the class names of the user's own that they may construct. A
    probe that does not need the model gets one that refuses to answer.
    """

    target: Target
    schema: Schema
    test: Dataset
    train: Dataset | None = None
    artifact: tuple[Path, ...] = ()
    allow: tuple[str, ...] = ()
    seed: int = 0
    decisions_per_year: int | None = None
    progress: Progress = field(default=lambda _share, _words: None)

    def rng(self, *key: int) -> np.random.Generator:
        """A generator that depends on the seed and `key` alone, so that parts can run in any order."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    @property
    def training(self) -> Dataset:
        """The training data; only for probes that declare `Need.TRAINING_DATA`."""
        if self.train is None:
            raise FixInput(
                "data.no-training-data",
                "This probe needs the training data.",
                "Set `data.train` in the manifest.",
            )
        return self.train


@dataclass(frozen=True, eq=False)
class ChatCase:
    """What a probe that needs `Need.CHAT` is asked about: the chat as it is deployed, with its guards if it has any.

    `bare` is the same chat without its guards, None where it has none. `canary` is a word that the operator planted in
    the endpoint's own system prompt, empty where there is none. `at_once` requests may be under way. `price` is
    money per million tokens, asked and answered, None where it was not stated.
    """

    chat: Chat
    bare: Chat | None = None
    canary: str = ""
    seed: int = 0
    at_once: int = 1
    price: tuple[float, float] | None = None
    currency: str = "USD"
    progress: Progress = field(default=lambda _share, _words: None)

    def rng(self, *key: int) -> np.random.Generator:
        """A generator that depends on the seed and `key` alone, so that parts can run in any order."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))

    @property
    def unguarded(self) -> Chat:
        """The chat without any guards."""
        return self.bare or self.chat


Run = Callable[[Any, Any], Iterator[Yielded]]
"""``(Case, Params)``, or ``(ChatCase, Params)`` for a probe of chats, to what it yields."""


@dataclass(frozen=True)
class ProbeSpec:
    """A declared probe.

    `question` is what it asks, in one plain sentence; `needs` and `tasks` decide where it applies; `measures` is every
    measure that it may yield; `efforts` maps an effort to Params; `cost` says in words what it costs (rows asked);
    `memory_mb` is what it holds beside the model; `trial` names a `holdfast.testing.Trial` (``module:attribute``) with
    a planted flaw and a clean twin.
    """

    id: str
    version: str
    title: str
    question: str
    needs: frozenset[Need]
    tasks: frozenset[Task]
    measures: tuple[Measure, ...]
    efforts: Mapping[str, Any]
    cost: str
    memory_mb: int
    catalogue: tuple[str, ...]
    trial: str
    run: Run = field(compare=False)

    @property
    def is_of_chats(self) -> bool:
        """Whether it is asked about a `ChatCase`."""
        return Need.CHAT in self.needs

    @property
    def family(self) -> str:
        """The first part of the id."""
        return self.id.partition(".")[0]

    def params(self, effort: str, overrides: Mapping[str, Any] | None = None) -> Any:
        """Parameters of an effort, with overrides from the manifest; FixInput for a name that does not exist."""
        base = self.efforts[effort]
        try:
            return type(base)(**{**vars(base), **(overrides or {})})
        except TypeError as error:
            raise FixInput(
                "manifest.unknown-parameter",
                f"The probe {self.id} has no such parameter: {error}.",
                f"It has: {', '.join(vars(base))}.",
            ) from error


def probe(
    *,
    title: str,
    question: str,
    measures: tuple[Measure, ...],
    efforts: Mapping[str, Any],
    trial: str,
    needs: frozenset[Need] | set[Need] = frozenset({Need.MODEL}),
    tasks: frozenset[Task] | set[Task] = frozenset(TABULAR),
    cost: str = "",
    memory_mb: int = 300,
    catalogue: tuple[str, ...] = (),
    version: str = "1",
) -> Callable[[Run], ProbeSpec]:
    """Declare a generator function as a probe; see the module's docstring."""
    if set(efforts) != set(EFFORTS) or not all(is_dataclass(params) for params in efforts.values()):
        raise TypeError(f"efforts maps each of {EFFORTS} to an instance of the probe's Params dataclass")

    def declare(run: Run) -> ProbeSpec:
        return ProbeSpec(
            id=_id(run.__module__),
            version=version,
            title=title,
            question=question,
            needs=frozenset(needs),
            tasks=frozenset({Task.CHAT}) if Need.CHAT in needs else frozenset(tasks),
            measures=measures,
            efforts=dict(efforts),
            cost=cost,
            memory_mb=memory_mb,
            catalogue=catalogue,
            trial=trial,
            run=run,
        )

    return declare


def _id(module: str) -> str:
    """``holdfast.probes.evasion.decision_based`` → ``evasion.decision_based``: the last two parts of the module."""
    return ".".join(module.split(".")[-2:])
