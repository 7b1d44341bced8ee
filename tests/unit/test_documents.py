"""Documents that people write: every error names the line and the fix."""

from __future__ import annotations

import pytest

from holdfast.appetite import AppetiteDocument, read_appetite
from holdfast.documents import parse_document, read_document
from holdfast.domain.errors import FixInput
from holdfast.manifest import Manifest, read_manifest

GOOD = """\
holdfast: 1
system:
  name: credit
model:
  path: model.joblib
data:
  test: test.csv
  target: y
"""


def message_of(text: str) -> tuple[str, str]:
    with pytest.raises(FixInput) as caught:
        parse_document(text, Manifest, "holdfast.yaml")
    return caught.value.message, caught.value.hint


def test_a_minimal_manifest_is_enough():
    manifest = parse_document(GOOD, Manifest, "holdfast.yaml")
    assert manifest.data.test.path == "test.csv"
    assert manifest.system.record().tier == "high"


def test_a_misspelt_key_names_its_line_and_the_right_one():
    message, hint = message_of(GOOD.replace("  target: y", "  targett: y"))
    assert message == "holdfast.yaml line 8: `data.targett` is not known."
    assert hint == "Did you mean `target`?"


def test_a_missing_key_names_where_it_belongs():
    message, hint = message_of(GOOD.replace("  path: model.joblib\n", "  threshold: 0.5\n"))
    assert message == "holdfast.yaml line 4: `model.path` is missing."
    assert hint == "Add `path:` there."


def test_a_wrong_value_names_line_and_what_was_found():
    message, hint = message_of(GOOD.replace("  name: credit", "  name: credit\n  tier: huge"))
    assert message.startswith(
        "holdfast.yaml line 4: `system.tier`: Input should be 'minimal', 'limited', 'high' or 'prohibited'"
    )
    assert "huge" in hint


def test_a_source_needs_path_or_sql():
    message, _ = message_of(GOOD.replace("test: test.csv", "test: {encoding: latin-1}"))
    assert "line 7" in message
    assert "give either `path` or `sql`" in message


def test_a_mistake_inside_a_column_is_found():
    message, hint = message_of(GOOD + "  columns:\n    age: {immutible: true}\n")
    assert message == "holdfast.yaml line 10: `data.columns.age.immutible` is not known."
    assert hint == "Did you mean `immutable`?"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [1", "document.not-yaml"),
        ("- 1", "document.not-a-mapping"),
        ("", "document.not-a-mapping"),
        ("!!python/object/apply:os.getcwd []", "document.not-yaml"),
    ],
)
def test_what_is_not_a_document_is_said_to_be_so(text, code):
    with pytest.raises(FixInput) as caught:
        parse_document(text, Manifest, "x.yaml")
    assert caught.value.code == code


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FixInput, match="There is no"):
        read_manifest(tmp_path)
    latin = tmp_path / "holdfast.yaml"
    latin.write_bytes(b"holdfast: 1 # \xe9")
    with pytest.raises(FixInput, match="not UTF-8"):
        read_manifest(tmp_path)
    latin.write_bytes(b"a" * 5_000_000)
    with pytest.raises(FixInput, match="larger than"):
        read_document(latin, Manifest)


def test_the_default_appetite_reads_and_explains_each_limit():
    appetite = read_appetite(None)
    assert appetite.limits
    assert all(len(limit.why) > 20 and limit.owner for limit in appetite.limits)


def test_a_limit_without_a_bound_is_an_error():
    text = "name: a\nversion: '1'\napproved_by: board\nlimits:\n  - measure: a.b\n    why: because\n"
    with pytest.raises(FixInput, match=r"line 5.*at_most"):
        parse_document(text, AppetiteDocument, "appetite.yaml")
