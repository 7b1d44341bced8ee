"""Every guard of this room reads whatever there is, marks places that are there, and costs no more than its length."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.guards.text.test_streams import armed, told

from holdfast.domain.guard import Action
from holdfast.guards.passages import Passage, redact

GUARDS = {
    "text.personal_data": {},
    "text.secrets": {},
    "text.canary": {"protected": ("The merger with Harbour Trust is not to be spoken of before the second of May.",)},
    "text.links": {"hosts": ("bank.example",)},
    "text.code": {},
    "text.format": {"is_json": True},
    "text.grounded": {"documents": ("The rate is fixed for ten years.",)},
}
PIECES = st.sampled_from(
    ["4111 1111 1111 1111", "jane@example.com", "+49 30 901820", "DE89370400440532013000", "card ", "phone: ", "\n",
     " ", "-", ".", "(", "1", "22", "333-", "ghp_", "A" * 36, "eyJhbGciOi", "-----BEGIN PRIVATE KEY-----", "{", "}",
     "password = '", "![a](", "https://evil.example/", "[1]: ", "<img src=", "rm -rf /", "é", "\u202e", "\U0001f600",
     "\ud800", "⟦EMAIL:", "cdfhjkmnpqru", "&#120;", "%41", "```json\n"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=30).map("".join)


@pytest.mark.parametrize("guard", GUARDS)
@settings(max_examples=25, deadline=None)
@given(text=TEXTS, cuts=st.lists(st.integers(0, 400), max_size=5))
def test_anything_is_read_and_told_alike_in_pieces(guard, text, cuts):
    guards = armed(guard, **GUARDS[guard])
    remark = guards[0].read([Passage("assistant", text)])
    assert not remark.failed
    assert all(0 <= span.start < span.end <= len(text) for span in remark.spans[0])
    ends = sorted(min(cut, len(text)) for cut in cuts)
    pieces = [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True)]
    parts, holding = told(guards, pieces)
    if text:
        assert holding.action is remark.action
    if remark.action.rank <= Action.REDACT.rank:
        whole = redact(text, remark.spans[0] if remark.action is Action.REDACT else ())
        assert "".join(parts) == whole


HARD = {
    "digits": "1234 5678 ",
    "one digit": "7",
    "letters": "a",
    "addresses": "a@",
    "mail": "a.b-c_d+e",
    "brackets": "[",
    "links": "![x](http://a",
    "tags": "<img a a a ",
    "heads": "-----BEGIN PRIVATE KEY-----\n",
    "base 64": "QUJD",
    "assignments": "password=",
    "addresses with users": "https://a:",
    "canary": "cdfhjkmnpqruvwxy",
    "dots": "1.2.3.4.",
    "colons": "a1:",
    "labels": "phone card ssn ",
    "sentences": "The rate, 4.2. ",
    "tokens": "⟦EMAIL:AAAA",
}


@pytest.mark.parametrize("guard", GUARDS)
def test_long_texts_of_hard_shapes_are_read(guard):
    """A square of their length would not end; `bench.personal_data` says how long each takes."""
    reading = armed(guard, **GUARDS[guard])[0].reading
    for piece in HARD.values():
        text = (piece * (20_000 // len(piece) + 1))[:20_000]
        seen = reading.read(Passage("assistant", text))
        assert seen.score >= 0.0
        assert all(0 <= span.start < span.end <= len(text) for span in seen.spans)
