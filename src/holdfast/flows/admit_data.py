"""The data gate: a table comes in only if it keeps its contract, has a source, and looks like the trusted baseline.

read → contract → personal data → comparison with the baseline → verdict, with the failing rows set aside.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast import canonical
from holdfast.datasets.personal import personal_data
from holdfast.datasets.read import TableSource, digest_file, read_table
from holdfast.datasets.terms import Tally, hold_to_contract
from holdfast.domain.contract import Contract
from holdfast.domain.dataset import Admission, Objection
from holdfast.domain.errors import FixInput
from holdfast.domain.provenance import Source
from holdfast.domain.verdict import Outcome, timestamp
from holdfast.flows.compare_batch import compare
from holdfast.flows.desk import stated
from holdfast.ports import Clock

if TYPE_CHECKING:
    import pandas as pd

REASON = "quarantined because"


@dataclass(frozen=True)
class Offer:
    """A table that somebody wants to bring in: its file, name, contract, where it comes from, and on whose word.

    `trusted` are digests of tables that passed this gate; `baseline` is one of them, or None.
    """

    table: Path
    name: str
    contract: Contract
    where: str
    licence: str
    actor: str
    baseline: Path | None = None
    trusted: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class Answer:
    """The admission; the rows set aside, with a column that says why; and the rows that are left."""

    admission: Admission
    quarantined: pd.DataFrame
    kept: pd.DataFrame


def admit(offer: Offer, clock: Clock, *, seed: int = 0) -> Answer:
    """Judge a table. FixInput where it cannot be read, or where nobody says whence it comes and on what terms."""
    stated(offer.where, "source (--from)")
    stated(offer.licence, "licence (--licence)")
    now, digest = timestamp(clock()), digest_file(_there(offer.table))
    frame = read_table(TableSource(path=offer.table))
    tally = Tally(len(frame))
    hold_to_contract(frame, offer.contract, tally)
    _personal(frame, offer.contract, tally)
    baseline = _compare(frame, offer, tally, seed)
    failing = tally.failing
    admission = Admission(
        name=offer.name,
        digest=digest,
        contract=canonical.digest(offer.contract),
        baseline=baseline,
        source=Source(offer.name, digest, offer.where, offer.licence, offer.actor, now),
        outcome=_outcome(tally, offer.contract),
        objections=tuple(tally.objections),
        rows=len(frame),
        quarantined=int(failing.sum()),
        judged_at=now,
    )
    why = ["; ".join(reasons) for reasons in tally.reasons if reasons]
    return Answer(admission, frame[failing].assign(**{REASON: why}), frame[~failing])


def attest(path: Path, *, name: str, where: str, licence: str, actor: str, clock: Clock) -> Source:
    """Somebody's word on where a file comes from that is no table: pictures, texts, a pretrained model."""
    stated(where, "source (--from)")
    stated(licence, "licence (--licence)")
    return Source(name or path.name, digest_file(_there(path)), where, licence, actor, timestamp(clock()))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise FixInput("data.absent", f"There is no file {path}.", "Check the path.")
    return path


def _personal(frame: pd.DataFrame, contract: Contract, tally: Tally) -> None:
    for found in personal_data(frame):
        terms = contract.column(found.column)
        if terms is None or not terms.personal:
            sentence = f"{found.share:.2%} of the values hold a {found.kind}, which is not agreed."
            tally.objections.append(Objection("personal-data", Outcome.BREACH, sentence, found.column, found.rows))


def _compare(frame: pd.DataFrame, offer: Offer, tally: Tally, seed: int) -> str:
    """Compare with the baseline, if there is one that may be trusted; its digest."""
    if offer.baseline is None:
        if not offer.contract.no_baseline_because:
            sentence = "There is no baseline to compare with. Name one, or say in the contract why there is none."
            tally.table("baseline", sentence, outcome=Outcome.INCONCLUSIVE)
        return ""
    digest = digest_file(_there(offer.baseline))
    if digest not in offer.trusted:
        tally.table("baseline", "The baseline has not passed this gate itself.", outcome=Outcome.INCONCLUSIVE)
    if any(objection.check == "columns" for objection in tally.objections):
        tally.table("poisoning", "Not compared: the columns are not those agreed.", outcome=Outcome.INCONCLUSIVE)
        return digest
    baseline = read_table(TableSource(path=offer.baseline))
    held = Tally(len(baseline))
    hold_to_contract(baseline, offer.contract, held)
    if any(objection.check == "columns" for objection in held.objections):
        tally.table("baseline", "The baseline does not have the columns agreed.", outcome=Outcome.INCONCLUSIVE)
        return digest
    compare(frame, baseline[~held.failing], offer.contract, tally, seed=seed)
    return digest


def _outcome(tally: Tally, contract: Contract) -> Outcome:
    """Breach outweighs Inconclusive outweighs Pass. Single failing rows are forgiven as far as the contract says."""
    forgiven = float(tally.failing.mean()) <= contract.failing_rows_at_most
    grave = {o.outcome for o in tally.objections if not (o.rows and forgiven and o.check in FORGIVABLE)}
    return next((o for o in (Outcome.BREACH, Outcome.INCONCLUSIVE) if o in grave), Outcome.PASS)


FORGIVABLE = ("missing", "kind", "range", "categories", "pattern", "unique")
"""Checks of single values, which a contract may allow some rows to fail; they are set aside all the same."""
