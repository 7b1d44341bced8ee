"""Plain form: idempotent, mapped back to the text as given, kind to every script."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.text.normalise import normalise

AWKWARD = st.text(
    st.one_of(
        st.sampled_from(
            "aA .-_e\u0301\u0316\u200b\u200c\u200d\ufe0f\U000e0041\u00adаеорі\u0131\u1d00ﬁｱﾞㅏㅎ\u1161\u11a8각"
            "\ufdfa\u0344\U0001f469❤\U0001f3f4"
            "\ud800\udc00\u2126ſẛ\u0958\u0c46\u0c56שּׁ\u09c7\u09be"
        ),
        st.characters(),
        st.characters(categories=["Cs", "Cf", "Mn", "Mc", "Lo"]),
    ),
    max_size=40,
)


@given(AWKWARD, st.booleans())
@settings(max_examples=400, deadline=None)
def test_done_again_changes_nothing(text, fold_case):
    once = normalise(text, fold_case=fold_case)
    assert normalise(once.text, fold_case=fold_case).text == once.text
    assert unicodedata.is_normalized("NFKC", once.text)


@given(AWKWARD)
@settings(max_examples=200, deadline=None)
def test_places_lie_in_order_in_the_text_as_given(text):
    normal = normalise(text)
    ends = [normal.origin(i, i + 1) for i in range(len(normal.text))]
    assert all(0 <= start < end <= len(text) for start, end in ends)
    assert [start for start, _ in ends] == sorted(start for start, _ in ends)
    assert all(0 <= start <= end <= len(text) for start, end in [normal.origin(i, i) for i in range(len(normal.text))])
    if normal.text:
        assert normal.origin(0, len(normal.text)) == (ends[0][0], ends[-1][1])


@given(AWKWARD, AWKWARD)
@settings(max_examples=200, deadline=None)
def test_a_word_is_found_where_it_stands(before, after):
    text = f"{before} zebra {after}"
    normal = normalise(text)
    at = normal.text.rfind("zebra", 0, len(normal.text) - len(normalise(after).text))
    if "zebra" not in before + after and at >= 0:
        start, end = normal.origin(at, at + 5)
        assert text[start:end] == "zebra"


@pytest.mark.parametrize(
    ("given_", "plain"),
    [
        ("Ignоrе аll prеviоus", "Ignore all previous"),  # Cyrillic о, е, а
        ("сору this", "copy this"),
        ("ｉｇｎｏｒｅ 𝒶𝓁𝓁 ﬁles", "ignore all files"),
        ("ɪɢɴᴏʀᴇ 🅰🅻🅻", "ignore all"),
        ("i g n o r e  a l l rules", "ignore all rules"),
        ("p.r.e.v.i.o.u.s and i-g-n-o-r-e", "previous and ignore"),
        ("ig\u200bno\u00adre\U000e0041 \u202eall", "ignore all"),
        ("a\x00b\ud800c", "ab\ufffdc"),
        ("I a b", "I a b"),
        ("a" + "\u0316" * 500, "a" + "\u0316" * 12),
    ],
)
def test_what_looks_alike_is_written_alike(given_, plain):
    assert normalise(given_).text == plain


@pytest.mark.parametrize(
    "text",
    [
        "Привет, мир. Хаос, сор, Орёл и рост.",
        "Εν αρχή ην ο λόγος και ο λόγος ην προς τον Θεόν",
        "می\u200cخواهم به خانه\u200cمان بروم",
        "क्\u200dष और श्री",
        "你好，世界".replace("，", ","),
        "👩\u200d💻 and 👨\u200d👩\u200d👧",
        "Größe, señor, İzmir, việt nam",
    ],
)
def test_genuine_scripts_stay(text):
    normal = normalise(text)
    assert normal.text == text
    assert normal.invisible == 0


def test_what_is_hidden_on_purpose_is_counted_and_what_a_script_needs_is_not():
    assert normalise("a\u200bb\u2060c \U000e0041\U000e0042").invisible == 4
    assert normalise("❤\ufe0f 👩\u200d❤\ufe0f\u200d👨 Fuß\u00adball \u200fשלום\u200e").invisible == 0
    assert normalise("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f").invisible == 0
