"""Provenance with known content, for tests of everything that seals, walks or renders it. No step is run."""

from __future__ import annotations

from holdfast.canonical import digest_bytes
from holdfast.domain.provenance import Artifact, Provenance, Revision, Role, Seen


def sample_provenance() -> Provenance:
    """A training step that read a table and its own code, and wrote a model."""
    return Provenance(
        id="0f3c9a5d1e7b2c4680a1b2c3",
        command=("python", "train.py", "--token=***"),
        inputs=(
            Artifact("raw.csv", digest_bytes(b"raw"), Seen.DECLARED),
            Artifact("train.py", digest_bytes(b"code"), Seen.OPENED, Role.CODE),
        ),
        outputs=(Artifact("model.joblib", digest_bytes(b"model"), Seen.CHANGED),),
        revision=Revision("a" * 40, is_dirty=True, repository="https://git.example/credit.git"),
        environment=(("holdfast", "0.1.0"), ("platform", "Linux x86_64"), ("python", "3.12.3")),
        packages=("numpy==2.1.0", "scikit-learn==1.7.1"),
        actor="mara",
        started_at="2026-11-24T09:00:00Z",
        finished_at="2026-11-24T09:04:00Z",
        exit_code=0,
        gaps=("Read outside the project and not declared with --in: /data/rates.csv.",),
        missing=("scores.csv",),
    )
