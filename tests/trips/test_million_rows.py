"""A table of many rows through the shield into a real decision log: each in a sealed segment once, and provable.

    HOLDFAST_ROWS=1000000 python -m pytest tests/trips/test_million_rows.py

asks for a million; CI for a fifth of that.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from tests.unit.decisions.making import segment_log
from tests.unit.decisions.test_proof import KEY, checked, proof_of

import holdfast
from holdfast.decisions.read import Reader
from holdfast.decisions.segments import FolderSegments
from holdfast.ledger.decision_proof import verify_decision
from holdfast.testing.tables import credit_rows

ROWS = int(os.environ.get("HOLDFAST_ROWS", "200000"))
COLUMNS = [f"c{j}" for j in range(7)]


def test_many_rows_are_answered_logged_once_and_proved(tmp_path):
    train = credit_rows(1_000, 1)
    frame = pd.DataFrame(train.X, columns=COLUMNS)
    model = LogisticRegression(max_iter=3_000).fit(frame, train.y)
    rows = pd.DataFrame(np.resize(credit_rows(50_000, 2).X, (ROWS, 7)), columns=COLUMNS)
    with segment_log(tmp_path) as log:
        shielded = holdfast.shield(model, system="credit", reference=holdfast.learn_reference(frame), log=log)
        answers = shielded.predict_proba(rows)
        assert log.seal() == 0
    np.testing.assert_array_equal(answers, model.predict_proba(rows))
    reader = Reader(tmp_path / "log", FolderSegments(tmp_path / "segments"))
    parts = [(part.column("id"), part.column("output_score_1")) for part in batches(reader)]
    ids = np.concatenate([part.to_numpy(zero_copy_only=False) for part, _ in parts])
    assert len(np.unique(ids)) == len(ids) == ROWS
    scores = np.concatenate([part.to_numpy() for _, part in parts])[np.argsort(ids)]
    np.testing.assert_array_equal(scores, answers[:, 1])
    assert checked(tmp_path).rows == ROWS
    assert verify_decision(proof_of(tmp_path, str(ids[ROWS // 2])), KEY).record.id == ids[ROWS // 2]


def batches(reader: Reader):
    return reader.batches(columns=["id", "output_score_1"])
