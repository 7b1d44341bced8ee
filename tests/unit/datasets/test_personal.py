"""Personal data by pattern: found where it is, quiet where numbers only look like it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from holdfast.datasets.personal import kinds_in, luhn, personal_data

PII = Path(__file__).parents[4] / "shared" / "data" / "pii" / "presidio_synth_first750.json"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("write to mara.k+x@mail.example.org.", {"e-mail address"}),
        ("DE89370400440532013000", {"IBAN"}),
        ("pay GB82 WEST 1234 5698 7654 32 today", {"IBAN"}),
        ("card 4111 1111 1111 1111.", {"payment card number"}),
        ("call +44 20 7946 0958", {"phone number"}),
        ("call 905-674-3793 at noon", {"phone number"}),
        ("DE89370400440532013001", set()),
        ("4111111111111112", set()),
        ("2026-11-24", set()),
        ("2026-11-24T10:00:00Z", set()),
        ("0.4111111111111111", set()),
        ("order 20261124000017", set()),
        ("0000-0000-0000-0000", set()),
        ("user@localhost", set()),
        ("", set()),
    ],
)
def test_texts(text, kinds):
    assert kinds_in(text) == kinds


def test_luhn():
    assert luhn("79927398713")
    assert sum(luhn(f"7992739871{digit}") for digit in range(10)) == 1


def test_columns_are_named_with_their_share_and_no_value():
    frame = pd.DataFrame(
        {
            "note": ["hello", "a@b.example", None, "c@d.example"],
            "card": [4111111111111111, 4012888888881881, 5555555555554444, 1],
            "income": [1.5, 2.5, 3.5, 4.5],
        }
    )
    found = {(p.column, p.kind): (p.rows, round(p.share, 2)) for p in personal_data(frame)}
    assert found == {("note", "e-mail address"): (2, 0.67), ("card", "payment card number"): (3, 0.75)}


def test_ids_counts_and_codes_are_not_personal_data():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame(
        {
            "id": np.arange(10_000_000, 10_005_000),
            "amount": rng.integers(0, 10**7, 5_000),
            "zip": [f"{n:05d}" for n in rng.integers(0, 99_999, 5_000)],
            "day": pd.date_range("2020-01-01", periods=5_000).astype(str),
            "uuid": [rng.bytes(16).hex() for _ in range(5_000)],
        }
    )
    assert personal_data(frame) == []


@pytest.mark.skipif(not PII.exists(), reason="the shared texts are not here")
@pytest.mark.parametrize(
    ("label", "kind", "recall", "false_positives"),
    [
        ("EMAIL_ADDRESS", "e-mail address", 0.95, 0.0),
        ("IBAN_CODE", "IBAN", 0.95, 0.0),
        ("CREDIT_CARD", "payment card number", 0.95, 0.01),
        ("PHONE_NUMBER", "phone number", 0.6, 0.02),
    ],
)
def test_on_texts_that_the_patterns_were_not_mended_on(label, kind, recall, false_positives):
    """The second half; the first is what the patterns were mended on."""
    texts = json.loads(PII.read_text())[375:]
    has = np.array([any(span["entity_type"] == label for span in text["spans"]) for text in texts])
    found = np.array([kind in kinds_in(text["full_text"]) for text in texts])
    assert found[has].mean() >= recall
    assert found[~has].mean() <= false_positives
