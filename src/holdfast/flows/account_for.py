"""The trip from a logged decision to the account that its person is owed.

decision from the log → personal fields opened, on record, where they are needed → the release's files, held against the
digest that the decision carries → artefact scan → the model in an isolated worker → its answer held against the logged
one → contributions, reasons, and what would have changed it.

Nothing is explained by a model that is not the one that decided: where digests or answers differ, it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from holdfast import canonical
from holdfast.datasets.raw import Fault, Reader
from holdfast.domain.decision import Decision, Ended, PersonalReading
from holdfast.domain.errors import FixInput, ModelFailed, RefusedArtifact, Tampered
from holdfast.domain.evidence import Material
from holdfast.domain.schema import Scalar, Schema
from holdfast.domain.verdict import timestamp
from holdfast.explanations.account import Account
from holdfast.explanations.counterfactuals import Odd, Ways, find_ways
from holdfast.explanations.explanation import explain_row
from holdfast.explanations.reasons import principal_reasons
from holdfast.explanations.wording import Wording
from holdfast.flows.attack import open_model
from holdfast.flows.desk import stated
from holdfast.flows.replay import require_same_answer
from holdfast.guards.contract import Ground
from holdfast.guards.learn import learn_reference
from holdfast.ledger.bundle import release_of
from holdfast.ports import Clock, Ledger, Target
from holdfast.releases.plan import Obstacle, Plan, Tables, make_plan, read_frames, to_tables
from holdfast.releases.release import MODEL, Release
from holdfast.targets.isolated import open_target

ANSWERED = (Ended.ANSWERED, Ended.OPENED)


class Keys(Protocol):
    """The keys under which personal fields are sealed, one a subject."""

    def open(self, decision: Decision) -> Decision:
        """The decision with its sealed fields in place; Absent where its key was destroyed."""


@dataclass(frozen=True)
class Terms:
    """How an account is made: in which words, with how many reasons and other outcomes, from which seed."""

    wording: Wording
    reasons: int = 4
    ways: int = 3
    seed: int = 0


def open_sealed(decision: Decision, keys: Keys, ledger: Ledger, clock: Clock, *, person: str, because: str) -> Decision:
    """The decision with its personal fields in place. Who opened them, when and why stands in the ledger by then."""
    if not decision.sealed:
        return decision
    why = stated(because, "reason for reading personal fields")
    opened = keys.open(decision)
    reading = PersonalReading(decision.id, decision.system, person, why, timestamp(clock()))
    entry = {"format": "holdfast-entry/1", "act": "personal.read", **canonical.plain(reading)}
    ledger.append([canonical.encode(entry)])
    return opened


def account_for(
    decision: Decision, release: Release, terms: Terms, *, opened: Callable[[], Decision] | None = None
) -> Account:
    """The account of a decision that this release made.

    `opened` gives the decision with its personal fields in place; it is called where the model needs one of them.
    Tampered where the files are those of another release, or the model answers otherwise than the log says.
    """
    if decision.ended not in ANSWERED:
        what = f"The model answered nothing here: it ended as {decision.ended.value}."
        raise FixInput("explain.no-answer", what, "`holdfast decision show` says which guard or rule decided.")
    materials = release.materials()
    plan, tables = _established(release, materials)
    notes = [_require_same(decision, materials, plan)]
    inputs = _inputs(decision, plan.schema, opened)
    row = _row(inputs, plan.schema)
    people = tables.test.X if tables.train is None else tables.train.X
    with open_target(release.target, plan.schema) as target:
        notes.append(require_same_answer(decision, target, plan.schema, row))
        rng = np.random.default_rng(terms.seed)
        explanation = explain_row(target, plan.schema, row, people, threshold=release.target.threshold, rng=rng)
        ways = _ways(target, plan.schema, row, tables, terms) if explanation.is_adverse and terms.ways else None
    return Account(
        decision=decision.id,
        system=decision.system,
        release=decision.release,
        at=decision.at,
        inputs=tuple((name, inputs.get(name)) for name in plan.schema.names),
        explanation=explanation,
        reasons=principal_reasons(explanation, terms.wording, terms.reasons),
        ways=ways,
        notes=tuple(notes),
    )


def _established(release: Release, materials: Sequence[Material]) -> tuple[Plan, Tables]:
    """The columns and tables of the release. The model is loaded only if the artefact scan allows it."""
    facts = open_model(release)
    if isinstance(facts, Obstacle):
        kind = RefusedArtifact if facts.refused else ModelFailed
        raise kind("explain.model", facts.reason, facts.hint)
    frames = read_frames(release)
    plan = make_plan(release, frames, facts)
    return plan, to_tables(frames, plan.schema, tuple(materials))


def _require_same(decision: Decision, materials: tuple[Material, ...], plan: Plan) -> str:
    """That these files are what decided: a sentence on what was compared."""
    digest = release_of(materials, plan.schema)
    if decision.release == digest:
        return f"Model and tables are those of the release {digest}."
    model = next(material for material in materials if material.role == MODEL)
    if decision.release == model.digest:
        return f"The model is the one that decided ({model.digest}); the tables are bound to nothing in the decision."
    if not decision.release:
        hint = "Give `release` to the shield or name it in gateway.yaml: the digest that `holdfast check` prints."
        raise FixInput("explain.unbound", "The decision does not say which release made it.", hint)
    raise Tampered(
        "explain.other-release",
        f"The decision was made by {decision.release}; these files are the release {digest}.",
        "Give the manifest of the release that decided, with the files as they were.",
    )


def _inputs(decision: Decision, schema: Schema, opened: Callable[[], Decision] | None) -> dict[str, Scalar | None]:
    """What the model was given by name; the sealed fields are opened only where a feature is among them."""
    known = dict(decision.inputs)
    if decision.sealed and any(name not in known for name in schema.names):
        if opened is None:
            hint = "Say why you need them: --because. Your name, the time and the reason go on record."
            raise FixInput("explain.sealed", "Personal fields that the model used are sealed.", hint)
        known = dict(opened().inputs)
    return {name: known.get(name) for name in schema.names}


def _row(inputs: Mapping[str, Scalar | None], schema: Schema) -> NDArray[np.float64]:
    reading = Reader(schema).read(dict(inputs))
    if reading.faults is not None and (bad := np.flatnonzero(reading.faults[0] == Fault.WRONG_TYPE)).size:
        name = schema.names[int(bad[0])]
        raise FixInput("explain.input", f"The logged value of {name!r} cannot be read as the release's schema has it.")
    return np.asarray(reading.X[0])


def _ways(target: Target, schema: Schema, row: NDArray[np.float64], tables: Tables, terms: Terms) -> Ways:
    assert schema.favourable is not None  # noqa: S101 -- an adverse decision is one against it
    people = tables.test.X if tables.train is None else np.concatenate([tables.test.X, tables.train.X])
    rng = np.random.default_rng((terms.seed, 1))
    odd, note = _oddity(tables, schema)
    found = find_ways(target, schema, row, people, wanted=schema.favourable, rng=rng, odd=odd, count=terms.ways)
    return replace(found, note=" ".join(filter(None, (found.note, note))))


def _oddity(tables: Tables, schema: Schema) -> tuple[Odd | None, str]:
    """How odd rows are among the training rows; nothing, and why, where there are too few."""
    try:
        ground = Ground(learn_reference(tables.train or tables.test, schema))
    except FixInput as error:
        return None, f"Whether they are plausible was not judged: {error.message}"
    return (lambda rows: ground.oddity.share_less_odd(rows, ground.bins.codes(rows))), ""
