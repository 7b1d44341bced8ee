"""A run's folder, verified from its files alone: evidence, verdict, appetite and the ledger's proof of them.

Whoever verifies trusts one public key, which they should have from somewhere other than the folder. Needs only
`ledger`, `domain`, `canonical`, the standard library and cryptography.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from holdfast import canonical
from holdfast.domain.appetite import Appetite
from holdfast.domain.errors import FixInput, Tampered
from holdfast.domain.evidence import Evidence, Material
from holdfast.domain.schema import Schema
from holdfast.domain.verdict import Verdict, judge, parse_time
from holdfast.ledger.envelope import open_sealed
from holdfast.ledger.note import Checkpoint, Key
from holdfast.ledger.verify import verify_proof

EVIDENCE = "evidence.json"
VERDICT = "verdict.json"
APPETITE = "appetite.json"
PROOF = "ledger.proof"
VKEY = "ledger.vkey"
BASELINE = "baseline.json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified run: what it says, and where it stands in the ledger. `pinned` is whether the caller gave the key."""

    evidence: Evidence
    verdict: Verdict
    index: int
    checkpoint: Checkpoint
    key: Key
    pinned: bool


def ledger_entry(verdict: Verdict) -> bytes:
    """What the ledger holds of a check: digests, the outcome and the time. No measurement and no personal data."""
    entry = {
        "format": "holdfast-entry/1",
        "act": "check",
        "system": verdict.system,
        "release": verdict.release,
        "evidence": verdict.evidence,
        "appetite": verdict.appetite,
        "verdict": canonical.digest(verdict),
        "outcome": verdict.outcome,
        "at": verdict.judged_at,
    }
    return canonical.encode(entry)


def release_of(materials: tuple[Material, ...], schema: Schema | None) -> str:
    """The digest of a release: of everything that was given, and of how its columns are read."""
    return canonical.digest({"materials": materials, "schema": schema})


def verify_bundle(folder: Path, key: Key | None = None) -> Bundle:
    """Walk the proof; Tampered at the first step that does not hold.

    1. The key signed the evidence, and the evidence is whole.
    2. The key signed the verdict, and the verdict is about exactly this evidence and this appetite.
    3. Judging the evidence by the appetite again gives the same verdict.
    4. The verdict stands in the ledger, under a checkpoint that the key signed.
    """
    pinned = key is not None
    key = key or Key.from_vkey(_read(folder, VKEY).decode("utf-8", "replace"))
    evidence = open_sealed(_read(folder, EVIDENCE), key.public, Evidence)
    verdict = open_sealed(_read(folder, VERDICT), key.public, Verdict)
    appetite = canonical.decode(Appetite, _read(folder, APPETITE))
    _require_bound(verdict, evidence, appetite)
    _require_recomputed(verdict, evidence, appetite)
    index, checkpoint = verify_proof(_read(folder, PROOF), ledger_entry(verdict), key)
    return Bundle(evidence, verdict, index, checkpoint, key, pinned)


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        hint = "Give the whole folder that `holdfast check` left."
        raise FixInput("verify.absent", f"{folder} has no readable {name}.", hint) from error


def _require_bound(verdict: Verdict, evidence: Evidence, appetite: Appetite) -> None:
    if evidence.release != release_of(evidence.materials, evidence.schema):
        raise Tampered("verify.release", "The release's digest does not follow from what it is made of.")
    for what, claimed, found in (
        ("evidence", verdict.evidence, canonical.digest(evidence)),
        ("appetite", verdict.appetite, canonical.digest(appetite)),
    ):
        if claimed != found:
            raise Tampered(
                "verify.unbound", f"The verdict was given on another {what}: {claimed[:19]}, not {found[:19]}."
            )


def _require_recomputed(verdict: Verdict, evidence: Evidence, appetite: Appetite) -> None:
    again = judge(
        evidence,
        appetite,
        tier=verdict.tier,
        now=parse_time(verdict.judged_at),
        use_case=verdict.use_case,
        evidence_digest=verdict.evidence,
        appetite_digest=verdict.appetite,
    )
    if again != verdict:
        sealed, found = verdict.outcome.value, again.outcome.value
        what = f"is {found}, not {sealed}" if sealed != found else "has other reasons"
        raise Tampered("verify.judgement", f"Judged again, the verdict {what}.", "Compare the versions of holdfast.")


def same_verdict(one: Verdict, other: Verdict) -> bool:
    """Whether two verdicts say the same for the same reasons, whenever they were given."""
    return replace(one, judged_at="") == replace(other, judged_at="")
