"""What every probe must keep, as functions that a plug-in author's own test suite can call.

    from holdfast.testing.contract import CHECKS

    @pytest.mark.parametrize("keeps", CHECKS)
    def test_my_probe(keeps):
        keeps(my_probe)

Each check raises AssertionError with what was broken.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from holdfast import canonical
from holdfast.datasets.dataset import Dataset
from holdfast.domain.chat import Message, Reply, Tool
from holdfast.domain.errors import ModelFailed
from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.ports import Chat
from holdfast.probes.contract import EFFORTS, Case, ChatCase, Need, ProbeSpec, Yielded
from holdfast.testing.trial import Trial

SEEDS = (0, 1, 2)


def trial_of(spec: ProbeSpec) -> Trial:
    """The trial that the probe names."""
    module, _, attribute = spec.trial.partition(":")
    trial = getattr(importlib.import_module(module), attribute)
    assert isinstance(trial, Trial), f"{spec.trial} is not a Trial"
    return trial


def run_quick(spec: ProbeSpec, case: Case | ChatCase) -> list[Yielded]:
    """Everything that the probe yields at the lowest effort."""
    return list(spec.run(case, spec.params("quick")))


def says_what_it_is(spec: ProbeSpec) -> None:
    """Its words are there, its measures belong to its family, and each effort's parameters are plain data."""
    assert spec.title
    assert spec.question.endswith("?"), f"the question of {spec.id} should be one"
    assert spec.cost, f"{spec.id} should say what it costs"
    assert spec.measures
    for measure in spec.measures:
        assert measure.id.startswith(f"{spec.family}."), f"{measure.id} should start with {spec.family}."
        assert measure.meaning.endswith("."), f"the meaning of {measure.id} should be a sentence"
    for effort in EFFORTS:
        canonical.encode(spec.params(effort))


def finds_the_planted_flaw(spec: ProbeSpec) -> None:
    """The finding that its trial names appears on each planted case."""
    trial = trial_of(spec)
    for seed in SEEDS:
        slugs = [record.slug for record in run_quick(spec, trial.planted(seed)) if isinstance(record, Finding)]
        assert trial.finds in slugs, f"{spec.id} found {slugs or 'nothing'} for seed {seed}, not {trial.finds}"


def stays_quiet_on_the_clean_twin(spec: ProbeSpec) -> None:
    """No finding above INFO on any clean case, though it measures."""
    trial = trial_of(spec)
    for seed in SEEDS:
        records = run_quick(spec, trial.clean(seed))
        loud = [r for r in records if isinstance(r, Finding) and r.severity is not Severity.INFO]
        assert not loud, f"{spec.id} cried wolf for seed {seed}: {loud[0].slug}: {loud[0].sentence}"
        assert any(isinstance(r, Measurement) for r in records), f"{spec.id} measured nothing on the clean twin"


def repeats_itself(spec: ProbeSpec) -> None:
    """The same case, parameters and seed give the same bytes."""
    trial = trial_of(spec)
    first, second = (canonical.encode(run_quick(spec, trial.planted(1))) for _ in range(2))
    assert first == second, f"{spec.id} gave different records for the same seed"


def declares_what_it_yields(spec: ProbeSpec) -> None:
    """Every measurement is of a declared measure, in its unit, and every finding rests on declared measures."""
    trial = trial_of(spec)
    case = trial.planted(0)
    declared = {measure.id: measure for measure in spec.measures}
    for record in run_quick(spec, case):
        if isinstance(record, Measurement):
            assert record.measure in declared, f"{record.measure} is not declared"
            units = (declared[record.measure].unit, _currency(case))  # money is told in the release's own currency
            assert record.unit in units, f"{record.measure} is in {record.unit}, declared in {units[0]}"
        else:
            assert set(record.measures) <= set(declared), f"{record.slug} rests on undeclared measures"


def _currency(case: Case | ChatCase) -> str:
    return case.currency if isinstance(case, ChatCase) else case.schema.currency


def honours_its_needs(spec: ProbeSpec) -> None:
    """It runs without what it does not declare: without training data, labels, scores or protected attributes."""
    case = trial_of(spec).planted(0)
    if isinstance(case, ChatCase):
        _runs_on_a_bare_chat(spec, case)
        return
    if Need.TRAINING_DATA not in spec.needs:
        case = replace(case, train=None)
    if Need.LABELS not in spec.needs:
        case = replace(case, test=replace(case.test, y=None))
    if Need.PROTECTED not in spec.needs:
        bare = replace(case.schema, protected=())
        train = None if case.train is None else replace(case.train, protected={})
        case = replace(case, schema=bare, test=replace(case.test, protected={}), train=train)
    run_quick(spec, case)


def _runs_on_a_bare_chat(spec: ProbeSpec, case: ChatCase) -> None:
    """Without the system prompt and the tools that it does not need, a silent chat ends in records or its failure."""
    chat = Strange(case.chat, "I like trains.")
    chat.system = case.chat.system if spec.needs & {Need.PROMPT, Need.CANARY} else ""
    chat.tools = case.chat.tools if Need.TOOLS in spec.needs else ()
    _says_nothing_of(spec, replace(case, chat=chat))


def _says_nothing_of(spec: ProbeSpec, case: ChatCase) -> None:
    """A chat that does nothing it is asked is not reported as safe: it measures nothing that a limit could pass."""
    try:
        records = run_quick(spec, case)
    except ModelFailed:
        return
    found = [record.slug for record in records if isinstance(record, Finding) and record.severity is not Severity.INFO]
    assert not found, f"{spec.id} found {found} in a chat that does nothing"
    assert not any(record.measure.endswith(("_rate", "_withstood", ".rate")) for record in _measured(records)), (
        f"{spec.id} measured a chat that does nothing"
    )


def _measured(records: list[Yielded]) -> list[Measurement]:
    return [record for record in records if isinstance(record, Measurement)]


class Strange:
    """A chat that says the same to everything, counted as the chat in its place."""

    def __init__(self, chat: Chat, says: str) -> None:
        self.system, self.tools, self.queries, self.tokens = chat.system, chat.tools, 0, 0
        self._says = says

    def ask(
        self,
        messages: Sequence[Message],  # noqa: ARG002 - as every chat
        *,
        system: str | None = None,  # noqa: ARG002
        tools: Sequence[Tool] | None = None,  # noqa: ARG002
    ) -> Reply:
        """What it always says."""
        self.queries += 1
        return Reply(self._says)


def survives_bad_input(spec: ProbeSpec) -> None:
    """A handful of rows, constant columns and missing values end in records, or in the model's own failure; so do
    silence, an echo, broken characters and very long answers of a chat, none of which is a finding.
    """
    case = trial_of(spec).planted(0)
    if isinstance(case, ChatCase):
        for says in ("", " ", "\u202e\ud83d\x00" * 9, "{" * 2_000, "QUJD" * 500):
            _says_nothing_of(spec, replace(case, chat=Strange(case.chat, says)))
        return
    for spoil in (_few_rows, _constant_columns, _missing_values):
        train = None if case.train is None else spoil(case.train)
        try:
            run_quick(spec, replace(case, test=spoil(case.test), train=train))
        except (ModelFailed, ValueError) as error:
            assert "NaN" in str(error), f"{spec.id} crashed on {spoil.__name__[1:]}: {error}"


def _few_rows(data: Dataset) -> Dataset:
    return data.take(np.arange(min(7, len(data))))


def _constant_columns(data: Dataset) -> Dataset:
    rows = data.X.copy()
    if len(rows):
        rows[:, ::2] = rows[0, ::2]
    return replace(data, X=rows)


def _missing_values(data: Dataset) -> Dataset:
    """Some values of the numeric columns are missing."""
    rows = data.X.copy()
    rows[::5, 0] = np.nan
    return replace(data, X=rows)


CHECKS: tuple[Callable[[ProbeSpec], None], ...] = (
    says_what_it_is,
    declares_what_it_yields,
    repeats_itself,
    honours_its_needs,
    survives_bad_input,
    stays_quiet_on_the_clean_twin,
    finds_the_planted_flaw,
)
