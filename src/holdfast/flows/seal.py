"""What a run leaves for a stranger: all that `holdfast verify` needs, and nothing that it would have to trust."""

from __future__ import annotations

from holdfast import canonical
from holdfast.domain.run import Run
from holdfast.ledger.bundle import APPETITE, EVIDENCE, PROOF, VERDICT, VKEY
from holdfast.ledger.envelope import seal
from holdfast.ledger.note import Key
from holdfast.ports import Signer

SEALED = (EVIDENCE, VERDICT, APPETITE, PROOF, VKEY)
"""The files of a run's folder that a verifier reads."""


def seal_run(run: Run, signer: Signer) -> dict[str, bytes]:
    """Evidence and verdict in signed envelopes, the appetite in canonical form, and the key's public half."""
    return {
        EVIDENCE: seal(run.evidence, signer),
        VERDICT: seal(run.verdict, signer),
        APPETITE: canonical.encode(run.appetite),
        VKEY: (Key(signer.name, signer.public_bytes()).vkey + "\n").encode(),
    }
