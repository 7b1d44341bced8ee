from __future__ import annotations

import numpy as np
import pytest

from holdfast.datasets.relations import Derivation, parse
from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Feature, Kind, Schema, Task

SCHEMA = Schema(
    Task.BINARY,
    (
        Feature("a", Kind.NUMBER),
        Feature("b", Kind.NUMBER),
        Feature("total", Kind.NUMBER),
        Feature("housing", Kind.CATEGORY, categories=("own", "rent", "other")),
        Feature("grade", Kind.CATEGORY, categories=(1, 2, 5)),
        Feature("net worth", Kind.NUMBER),
    ),
    target="y",
)
NAMES = SCHEMA.names


def rows(*values: dict[str, float]) -> np.ndarray:
    return np.array([[value.get(name, 1.0) for name in NAMES] for value in values])


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("a <= 0.9 * b", {"a": 9, "b": 10}, True),
        ("a <= 0.9 * b", {"a": 9.1, "b": 10}, False),
        ("a < b", {"a": 10, "b": 10}, False),
        ("0 <= a <= b", {"a": -1, "b": 10}, False),
        ("total == a + b", {"a": 0.1, "b": 0.2, "total": 0.3}, True),  # 0.1 + 0.2 != 0.3 in floats
        ("total == a + b", {"a": 1, "b": 2, "total": 3.001}, False),
        ("total != a + b", {"a": 1, "b": 2, "total": 3}, False),
        ("a > 5 or b > 5", {"a": 1, "b": 6}, True),
        ("a > 5 and b > 5 or not total > 5", {"a": 1, "b": 6, "total": 9}, False),
        ("abs(a - b) <= 2", {"a": 5, "b": 8}, False),
        ("min(a, b, 3) == 3", {"a": 5, "b": 8}, True),
        ("max(a, b) - 2 ** 3 == -(a // 5) + 7 % 4 - 2", {"a": 5, "b": 8}, True),
        ('housing == "own"', {"housing": 0}, True),
        ('"own" == housing', {"housing": 1}, False),
        ('housing != "own"', {"housing": 2}, True),
        ('housing in ("own", "rent")', {"housing": 2}, False),
        ('housing not in ("own", "rent")', {"housing": 2}, True),
        ('housing == "own" or a >= 2', {"housing": 1, "a": 1}, False),
        ("grade >= 2", {"grade": 2}, True),  # code 2 is the label 5
        ("grade == 5", {"grade": 1}, False),
        ("`net worth` >= a", {"net worth": 3, "a": 4}, False),
    ],
)
def test_a_relation_is_true_where_it_should_be(text: str, row: dict[str, float], expected: bool) -> None:
    holds = [relation.holds(rows(row))[0] for relation in parse(text, SCHEMA)]
    assert all(holds) is expected


def test_a_missing_value_breaks_nothing() -> None:
    (relation,) = parse("a <= b", SCHEMA)
    assert relation.holds(rows({"a": np.nan, "b": 0}, {"a": 2, "b": np.nan}, {"a": 2, "b": 1})).tolist() == [
        True,
        True,
        False,
    ]


def test_an_equality_derives_the_lone_column_on_either_side() -> None:
    for text in ("total == a + b", "a + b == total"):
        (relation,) = parse(text, SCHEMA)
        assert isinstance(relation, Derivation)
        assert NAMES[relation.column] == "total"
        assert relation.value(rows({"a": 2, "b": 5})).tolist() == [7]


@pytest.mark.parametrize(
    "text", ["a <= b", "a + b == 2 * total", "total == total * a", 'housing == "own"', "a == 1 or b == 2"]
)
def test_other_conditions_derive_nothing(text: str) -> None:
    assert not any(isinstance(relation, Derivation) for relation in parse(text, SCHEMA))


def test_a_conjunction_is_several_relations() -> None:
    first, second = parse("a <= b and `net worth` > 0", SCHEMA)
    assert (first.text, second.text) == ("a <= b", "`net worth` > 0")


@pytest.mark.parametrize(
    ("text", "reason", "hint"),
    [
        ("a <= ", "cannot be read", "like `debt"),
        ("a <= salary", "no column 'salary'", "Columns are: a, b"),
        ("a", "not a condition", "==, !="),
        ("1 < 2", "names no column", "Columns are"),
        ("a.real > 1", "`a.real` is not allowed", "column names"),
        ("a[0] > 1", "is not allowed", "column names"),
        ("__import__('os').system('id') == 0", "is not allowed", "Functions are"),
        ("(lambda: a)() > 1", "is not allowed", "Functions are"),
        ("[x for x in a] == b", "is not allowed", "column names"),
        ("eval('a') > 1", "is not allowed", "Functions are"),
        ("abs(a, b) > 1", "is not allowed", "Functions are"),
        ("max(a) > 1", "is not allowed", "Functions are"),
        ("max(a, b, key=a) > 1", "is not allowed", "Functions are"),
        ('housing == "castle"', "no category 'castle'", "'own', 'rent', 'other'"),
        ('housing > "own"', "no order", "==, != or in"),
        ("housing + 1 > 2", "holds labels", "housing == 'own'"),
        ("housing == a", "something else than its labels", 'housing == "own"'),
        ('a == "own"', "holds numbers", "kind: category"),
        ("a is b", "compares objects", "=="),
        ("a < 1" + "0" * 400, "too large", "1e308"),
        ("a < " + "-" * 100 + "b", "nested", "Split"),
        ("a < " + "(" * 1000 + "b" + ")" * 900, "cannot be read", "like"),
        ("a < b or " * 400 + "a < b", "longer than", "Split"),
        ("a := b", "cannot be read", "like"),
        ("\x00", "cannot be read", "like"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused_with_the_fix(text: str, reason: str, hint: str) -> None:
    with pytest.raises(FixInput) as caught:
        parse(text, SCHEMA)
    assert caught.value.code == "manifest.bad-relation"
    assert text[:30].strip() in caught.value.message or not text.isprintable()
    assert reason in caught.value.message
    assert hint in caught.value.hint
