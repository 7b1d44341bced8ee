"""What models say: links and pictures, unsafe code, form, and whether documents support it."""

from __future__ import annotations

import json
from base64 import b32encode

import pytest

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Stage
from holdfast.guards.passages import Conversation, Passage, redact
from holdfast.guards.text import code, format, grounded, links
from holdfast.guards.text._schema import Schema
from holdfast.guards.text.links import LINK, PICTURE

DOCUMENT = "The rate of the loan is fixed at 4.2 percent for ten years, and the fee for late payment is 12 pounds."


def read(guard, text, **params):
    return guard.run.prepare(guard.run.with_params(params)).read(Passage("assistant", text))


def cleaned(text, **params):
    return redact(text, read(links, text, **params).spans)


def test_pictures_and_links_have_lists_of_their_own():
    text = "![a](https://cdn.example/a.png) [b](https://cdn.example/b) ![c](https://bank.example/c.png)"
    assert cleaned(text) == f"{PICTURE} [b](https://cdn.example/b) {PICTURE}"
    assert cleaned(text, hosts=("bank.example",), pictures=("bank.example",)) == (
        f"{PICTURE} {LINK} ![c](https://bank.example/c.png)"
    )
    assert cleaned(text, pictures=("*",)) == text


@pytest.mark.parametrize(
    "address",
    [
        "https://bank.example.evil.test/", "https://evilbank.example/", "//evil.test/x", "HTTPS://EVIL.test",
        "https://xn--bnk-5cd.example/", "https://bаnk.example/", "https://bank.example@evil.test/",
        "javascript:alert(1)", "data:text/html;base64,PHNjcmlwdD4=", "https://[::1",
        "https://bank.example/?q=" + b32encode(DOCUMENT[:40].encode()).decode(),
        "https://bank.example/?q=the+balance+is+nine+hundred+and+forty+pounds+and+twelve+pence",
    ],
)  # fmt: skip
def test_where_nothing_should_go(address):
    score, why = links.judged(address, ("bank.example",), 48)
    assert score >= 0.5
    assert why


@pytest.mark.parametrize(
    "address",
    ["https://bank.example", "https://www.bank.example:443/a?page=2#top", "/help", "#top", "mailto:a@bank.example",
     "https://bank.example/news/2031/how-we-lend-and-what-it-costs-you-in-the-end", "https://bank.example/?id=12345678"],
)  # fmt: skip
def test_where_a_link_may_go(address):
    assert links.judged(address, ("bank.example",), 48) == (0.0, "")


def test_hosts_in_other_scripts_are_no_imposters_where_they_are_of_one():
    assert not links.poses("bücher.example")
    assert not links.poses("例え.テスト")
    assert links.poses("раypal.example")


def test_families_of_code_can_be_left_out():
    text = "DROP TABLE customers;"
    assert read(code, text).score == 0.7
    assert read(code, text, families=("shell", "web")).score == 0.0
    with pytest.raises(FixInput, match="no family"):
        read(code, text, families=("poetry",))


@pytest.mark.parametrize(
    ("params", "text", "faults"),
    [
        ({"most": 5}, "123456", 1),
        ({"most": 5}, "12345", 0),
        ({"is_json": True}, "[1, 2]", 0),
        ({"is_json": True}, "```json\n[1, 2]\n```", 0),
        ({"is_json": True}, "Sure: [1, 2]", 1),
        ({"has_blocks": False}, "a\n```python\nx\n```\n", 1),
        ({"blocks": ("python", "SQL")}, "```python\nx\n```\n```sql\ny\n```", 0),
        ({"blocks": ("python",)}, "```python\nx\n```\n```bash\ny\n```", 1),
        ({"blocks": ("python",)}, "```\ny\n```", 1),
        ({}, "anything", 0),
    ],
)
def test_faults_of_form(params, text, faults):
    assert read(format, text, **params).score == faults


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": ["integer", "null"]}, [1, None, 2.0], [True, 1.5, "1"]),
        ({"enum": [1, "a"]}, [1, "a"], [True, "b"]),
        ({"anyOf": [{"type": "string"}, {"minimum": 3, "type": "number"}]}, ["x", 3], [2, []]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, [{}, {"a": "b"}], [{"a": 1}]),
        ({"type": "string", "pattern": "^[A-Z]{2}$"}, ["AB"], ["ab", "ABC"]),
        ({"type": "array", "minItems": 1, "items": {"const": 1}}, [[1]], [[], [2]]),
    ],
)
def test_the_part_of_json_schema_that_is_known(schema, good, bad):
    assert [value for value in good if Schema(schema).faults(value)] == []
    assert [value for value in bad if not Schema(schema).faults(value)] == []


@pytest.mark.parametrize(
    "schema", ["{", "3", '{"type": "thing"}', '{"not": {}}', '{"properties": {"a": {"$ref": "#"}}}']
)
def test_a_schema_that_is_not_known_is_refused(schema):
    with pytest.raises(FixInput):
        read(format, "{}", schema=schema)


def test_a_deep_document_is_a_fault_and_no_crash():
    assert read(format, "[" * 100_000, is_json=True).score == 1
    told = json.dumps([[[[]]]])
    assert read(format, told, schema='{"type": "array", "items": {"type": "array"}}').score == 0


def supported(text, *passages, **params):
    reading = grounded.run.prepare(grounded.run.with_params(params))
    return reading.hearing(Conversation(Stage.AFTER, passages)).read(Passage("assistant", text))


def test_an_answer_is_held_against_what_tools_gave():
    tool = Passage("tool", DOCUMENT)
    assert supported("The loan's rate is fixed at 4.2 percent for ten years.", tool).score == 0.0
    half = "The fee for late payment is 12 pounds. The fee for late payment rises to 90 pounds in spring."
    seen = supported(half, tool)
    assert seen.score == 0.5
    assert seen.because == "1 of 2 sentences are supported by no document; 1 numbers stand in none"
    assert supported("Insurance against unemployment comes free of charge.", tool).score == 1.0


def test_without_documents_or_sentences_nothing_is_said():
    assert supported("Insurance comes free of charge for everybody.").score == 0.0
    assert supported("Yes, of course.", Passage("tool", DOCUMENT)).score == 0.0
    assert supported("Insurance comes free of charge.", Passage("user", DOCUMENT)).score == 0.0
    assert supported("Insurance comes free of charge.", Passage("user", DOCUMENT), roles=("user",)).score == 1.0


def test_thousands_and_scripts_without_spaces():
    tool = Passage("tool", "The credit is 25,000 pounds at most. 年利は百分の四で、十年間固定されます。")
    assert supported("The credit is at most 25.000 pounds.", tool).score == 0.0
    assert supported("年利は百分の四で固定されます。", tool).score == 0.0
