"""Guards as a policy has them, made ready, and what they say of rows: the only place that runs a guard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, GuardVerdict, Mode, Stage
from holdfast.domain.policy import GuardTerms, Policy
from holdfast.domain.reference import Reference
from holdfast.guards.contract import GuardSpec, Prepared, Reads, Rows

Scores = NDArray[np.float64]
Mask = NDArray[np.bool_]

_YES, _NO = np.ones(1, dtype=bool), np.zeros(1, dtype=bool)

TABLE_ACTIONS = (Action.FLAG, Action.REVIEW, Action.BLOCK)
"""What can become of a row of a table: there is no part of it that could be left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Opinion:
    """What one guard said of rows: `score` (n,), NaN where it broke, and which rows it `flagged`, bool (n,).

    A guard that broke flags every row, with the action of its policy for errors; `failed` says how it broke.
    """

    armed: Armed
    score: Scores
    flagged: Mask
    any: bool
    failed: str = ""
    because: str = ""

    @property
    def action(self) -> Action:
        """What a flagged row gets."""
        return self.armed.on_error if self.failed else self.armed.action

    def verdict(self, row: int) -> GuardVerdict:
        """The verdict on one row."""
        return self.said(bool(self.flagged[row]), None if self.failed else float(self.score[row]))

    def said(self, flagged: bool, score: float | None) -> GuardVerdict:
        """The verdict on a row that is flagged or not, with this score."""
        armed = self.armed
        return GuardVerdict(
            armed.spec.id,
            armed.spec.version,
            armed.mode,
            self.action if flagged else Action.ALLOW,
            score if score is None or isfinite(score) else None,
            armed.threshold,
            armed.prepared.fields,
            self.failed or (self.because if flagged else ""),
            bool(self.failed),
        )

    def spread(self, places: NDArray[np.int64], n: int) -> Opinion:
        """The same among `n` rows, of which those at `places` were looked at."""
        score, flagged = np.full(n, np.nan), np.zeros(n, dtype=bool)
        score[places], flagged[places] = self.score, self.flagged
        return replace(self, score=score, flagged=flagged)


def joined(parts: Sequence[Opinion]) -> Opinion:
    """What one guard said of the blocks of a batch; where it broke on one, that is said of all."""
    return Opinion(
        armed=parts[0].armed,
        score=np.concatenate([part.score for part in parts]),
        flagged=np.concatenate([part.flagged for part in parts]),
        any=any(part.any for part in parts),
        failed=next((part.failed for part in parts if part.failed), ""),
        because="; ".join(dict.fromkeys(part.because for part in parts if part.because)),
    )


@dataclass(frozen=True, eq=False)
class Armed:
    """One guard made ready, with what the policy says of it."""

    spec: GuardSpec
    mode: Mode
    action: Action
    threshold: float
    on_error: Action
    prepared: Prepared

    def judge(self, rows: Rows) -> Opinion:
        """What the guard says of the rows; a guard that breaks or gives something else than scores has failed."""
        started = perf_counter()
        try:
            looked = self.prepared.look(rows)
            score = looked.score
            if score.shape != (len(rows.X),):
                return self.failed(rows, f"gave {score.shape} scores for {len(rows)} rows")
            if len(score) == 1:  # one row is the common case, and needs no comparison of arrays
                any_flagged = bool(score.item() >= self.threshold)
                flagged = _YES if any_flagged else _NO
                because = looked.because(0) if any_flagged else ""
            else:
                flagged, because = score >= self.threshold, ""
                any_flagged = bool(flagged.any())
        except Exception as error:  # whatever a plug-in raises is its failure, and must not become the caller's
            return self.failed(rows, f"raised {type(error).__name__}")
        took = 1000 * (perf_counter() - started)
        if took > self.spec.deadline_ms and took > self.spec.deadline_ms * len(score) / 1000:
            because = f"{because}; late, took {took:.0f} ms".removeprefix("; ")
        return Opinion(self, score, flagged, any_flagged, "", because)

    def failed(self, rows: Rows, how: str) -> Opinion:
        """The opinion that stands where the guard gave none."""
        n = len(rows)
        flags = self.on_error is not Action.ALLOW
        return Opinion(self, np.full(n, np.nan), np.full(n, flags), flags and n > 0, how)


def arm(policy: Policy, reference: Reference, specs: Sequence[GuardSpec], stage: Stage) -> tuple[Armed, ...]:
    """The policy's guards of one stage, in its order; FixInput for a guard, parameter or action that cannot be."""
    return tuple(_armed(terms, spec, reference) for terms, spec in chosen(policy, specs, stage, Reads.ROWS))


def chosen(
    policy: Policy, specs: Sequence[GuardSpec], stage: Stage, reads: Reads
) -> list[tuple[GuardTerms, GuardSpec]]:
    """The policy's guards of one stage, in its order; FixInput where it names one that does not read this."""
    known = {spec.id: spec for spec in specs if spec.reads is reads}
    unknown = [terms.guard for terms in policy.guards if terms.guard not in known]
    if unknown:
        hint = f"There are: {', '.join(sorted(known))}."
        raise FixInput("policy.guard", f"There is no guard {unknown[0]!r} of {reads}.", hint)
    return [(terms, known[terms.guard]) for terms in policy.guards if known[terms.guard].stage in (stage, Stage.BOTH)]


def _armed(terms: GuardTerms, spec: GuardSpec, reference: Reference) -> Armed:
    action = terms.action or spec.action
    if action not in TABLE_ACTIONS:
        allowed = ", ".join(TABLE_ACTIONS)
        raise FixInput("policy.action", f"{spec.id} cannot {action} a row of a table.", f"It can: {allowed}.")
    return Armed(
        spec=spec,
        mode=terms.mode,
        action=action,
        threshold=spec.threshold if terms.threshold is None else terms.threshold,
        on_error=terms.on_error or spec.on_error,
        prepared=spec.prepare(reference, spec.with_params(dict(terms.params))),
    )


def everything_in_shadow(specs: Sequence[GuardSpec], reads: Reads = Reads.ROWS) -> Policy:
    """The policy to begin with: every guard looks, none acts."""
    return Policy("in-shadow", "1", tuple(GuardTerms(spec.id) for spec in specs if spec.reads is reads))
