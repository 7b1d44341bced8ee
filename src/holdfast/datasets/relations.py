"""Relations between columns as people write them (``debt <= 0.9 * value``), parsed into vectorised numpy.

The text is parsed with `ast` and only the few node kinds named here are translated, each into a numpy operation;
nothing is ever evaluated as Python. Grammar: comparisons (also chained), ``and``, ``or``, ``not``, ``+ - * / // % **``,
``abs(x)``, ``min(x, ...)``, ``max(x, ...)``, ``missing(name)``, numbers, column names (in backticks where they are not
plain words), and labels for text categories: ``housing == "own"``, ``housing in ("own", "rent")``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Feature, Kind, Schema

Matrix = NDArray[np.float64]
Numbers = Callable[[Matrix], NDArray[np.float64]]
Truths = Callable[[Matrix], NDArray[np.bool_]]

TOLERANCE = 1e-9
"""How far two sides may differ, relative to the larger one, before floating-point noise counts as a difference."""

_LONGEST = 2_000
_DEEPEST = 60
_ARITHMETIC: dict[type[ast.operator], np.ufunc] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: np.float_power,
}


def _slack(b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(TOLERANCE * (1.0 + np.abs(b)))


def _equal(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """What `np.isclose` says, at a fifth of its cost for one row."""
    return np.asarray((a == b) | (np.abs(a - b) <= _slack(b)))


_COMPARISONS: dict[type[ast.cmpop], Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.bool_]]] = {
    ast.Eq: _equal,
    ast.NotEq: lambda a, b: ~_equal(a, b),
    ast.LtE: lambda a, b: a <= b + _slack(b),
    ast.GtE: lambda a, b: a >= b - _slack(b),
    ast.Lt: np.less,
    ast.Gt: np.greater,
}
_FUNCTIONS: dict[str, np.ufunc] = {"abs": np.absolute, "min": np.minimum, "max": np.maximum}
_MISSING = "missing"


@dataclass(frozen=True, eq=False)
class Relation:
    """One condition that holds in every valid row; `reads` are the columns of the row matrix that it looks at."""

    text: str
    reads: tuple[int, ...]
    test: Truths

    def holds(self, rows: Matrix) -> NDArray[np.bool_]:
        """Whether each row keeps it, bool (n,). A row in which a column that it reads is missing keeps it."""
        with np.errstate(all="ignore"):
            missing = np.isnan(rows[:, list(self.reads)]).any(axis=1)
            return np.asarray(missing | self.test(rows))


@dataclass(frozen=True, eq=False)
class Derivation(Relation):
    """An equality with a lone number column on one side (``total == a + b``): `value` recomputes that `column`.

    `value` maps rows (n, features) to the column's values (n,).
    """

    column: int
    value: Numbers


def parse(text: str, schema: Schema) -> tuple[Relation, ...]:
    """The relations in `text`: one for each part of a conjunction (``a <= b and b <= c`` is two).

    FixInput where the text is not in the grammar, or names a column or a label that the schema does not have.
    """
    reader = _Reader(text, schema)
    tree = reader.tree()
    if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And):
        return tuple(reader.relation(part, reader.show(part)) for part in tree.values)
    return (reader.relation(tree, text.strip()),)


class _Reader:
    """Translates one text. Each method takes a syntax node and returns a function of a row matrix."""

    def __init__(self, text: str, schema: Schema) -> None:
        self._text = text
        self._schema = schema
        self._index = {name: j for j, name in enumerate(schema.names)}
        self._quoted: dict[str, str] = {}

    def tree(self) -> ast.expr:
        if len(self._text) > _LONGEST:
            raise self._wrong(f"it is longer than {_LONGEST:,} characters", "Split it into several relations.")
        source = re.sub(r"`([^`]+)`", self._placeholder, self._text.strip())
        try:
            body = ast.parse(source, mode="eval").body
            too_deep = _depth(body) > _DEEPEST
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = getattr(error, "msg", None) or type(error).__name__
            raise self._wrong(f"it cannot be read ({reason})", "Write it like `debt <= 0.9 * value`.") from error
        if too_deep:
            raise self._wrong(f"it is nested more than {_DEEPEST} levels deep", "Split it into several relations.")
        return body

    def relation(self, node: ast.expr, words: str) -> Relation:
        test = self.truths(node)
        calls = {id(n.func) for n in ast.walk(node) if isinstance(n, ast.Call)}
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and id(n) not in calls}
        reads = tuple(sorted(self._column(name) for name in names))
        if not reads:
            raise self._wrong("it names no column", f"Columns are: {self._some_columns()}.")
        for name, other in self._equal_sides(node):
            used = {n.id for n in ast.walk(other) if isinstance(n, ast.Name)}
            if isinstance(name, ast.Name) and self._feature(name.id).kind is not Kind.CATEGORY and name.id not in used:
                return Derivation(words, reads, test, self._column(name.id), self.numbers(other))
        return Relation(words, reads, test)

    def truths(self, node: ast.expr) -> Truths:
        if isinstance(node, ast.BoolOp):
            parts = [self.truths(part) for part in node.values]
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return lambda rows: reduce(join, [part(rows) for part in parts])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truths(node.operand)
            return lambda rows: ~inner(rows)
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            links = [self._link(sides[k], op, sides[k + 1]) for k, op in enumerate(node.ops)]
            return lambda rows: reduce(np.logical_and, [link(rows) for link in links])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == _MISSING:
            return self._missing(node)
        raise self._wrong(f"`{self.show(node)}` is not a condition", "Compare it with ==, !=, <, <=, > or >=.")

    def numbers(self, node: ast.expr) -> Numbers:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return self._constant(node.value)
        if isinstance(node, ast.Name):
            return self._values(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
            inner, sign = self.numbers(node.operand), -1.0 if isinstance(node.op, ast.USub) else 1.0
            return lambda rows: sign * inner(rows)
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            left, right, operate = self.numbers(node.left), self.numbers(node.right), _ARITHMETIC[type(node.op)]
            return lambda rows: operate(left(rows), right(rows))
        if isinstance(node, ast.Call):
            return self._call(node)
        raise self._wrong(
            f"`{self.show(node)}` is not allowed in a relation",
            "Use column names, numbers, + - * / // % **, abs, min, max.",
        )

    def _missing(self, node: ast.Call) -> Truths:
        if len(node.args) != 1 or node.keywords or not isinstance(node.args[0], ast.Name):
            raise self._wrong(f"`{self.show(node)}` is not allowed", "Write it like `missing(income)`.")
        column = self._column(node.args[0].id)
        return lambda rows: np.isnan(rows[:, column])

    def _link(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Truths:
        if isinstance(op, ast.In | ast.NotIn):
            return self._membership(left, right, negated=isinstance(op, ast.NotIn))
        for name, label in ((left, right), (right, left)):
            if self._is_text(name) or (isinstance(label, ast.Constant) and isinstance(label.value, str)):
                return self._label_test(name, op, label)
        if type(op) not in _COMPARISONS:
            raise self._wrong("`is` compares objects, not values", "Use == or !=.")
        low, high, compare = self.numbers(left), self.numbers(right), _COMPARISONS[type(op)]
        return lambda rows: compare(low(rows), high(rows))

    def _is_text(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and _has_text(self._feature(node.id))

    def _label_test(self, name: ast.expr, op: ast.cmpop, label: ast.expr) -> Truths:
        if not isinstance(op, ast.Eq | ast.NotEq):
            raise self._wrong("categories have no order", "Compare them with ==, != or in.")
        return self._membership(
            name, ast.copy_location(ast.Tuple([label], ast.Load()), label), negated=isinstance(op, ast.NotEq)
        )

    def _membership(self, name: ast.expr, labels: ast.expr, *, negated: bool) -> Truths:
        listed = labels.elts if isinstance(labels, ast.Tuple | ast.List | ast.Set) else []
        if not isinstance(name, ast.Name) or not listed or not all(isinstance(e, ast.Constant) for e in listed):
            raise self._wrong(
                "a category is compared with something else than its labels",
                'Write it like `housing == "own"` or `housing in ("own", "rent")`.',
            )
        column, feature = self._column(name.id), self._feature(name.id)
        wanted = [e.value for e in listed if isinstance(e, ast.Constant)]
        codes = [self._code(feature, label) for label in wanted]
        return lambda rows: np.isin(rows[:, column], codes, invert=negated)

    def _code(self, feature: Feature, label: object) -> float:
        if feature.kind is not Kind.CATEGORY:
            if isinstance(label, int | float):
                return float(label)
            raise self._wrong(
                f"column {feature.name!r} holds numbers, not the label {label!r}",
                f"Declare it in the manifest: `{feature.name}: {{kind: category}}`, or compare it with a number.",
            )
        if label not in feature.categories:
            known = ", ".join(map(repr, feature.categories[:12]))
            raise self._wrong(f"column {feature.name!r} has no category {label!r}", f"It has: {known}.")
        return float(feature.categories.index(label))

    def _values(self, name: str) -> Numbers:
        column, feature = self._column(name), self._feature(name)
        if feature.kind is not Kind.CATEGORY:
            return lambda rows: rows[:, column]
        if _has_text(feature):
            raise self._wrong(
                f"column {feature.name!r} holds labels, not numbers",
                f"Compare it with a label: `{feature.name} == {feature.categories[0]!r}`.",
            )
        table = np.array([*feature.categories, np.nan], dtype=np.float64)  # code -1 and NaN: not a known number
        return lambda rows: table[np.where(rows[:, column] >= 0, rows[:, column], -1).astype(np.int64)]

    def _call(self, node: ast.Call) -> Numbers:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        arguments = (1, 1) if name == "abs" else (2, 32)
        if name not in _FUNCTIONS or node.keywords or not arguments[0] <= len(node.args) <= arguments[1]:
            raise self._wrong(f"`{self.show(node)}` is not allowed", "Functions are: abs(x), min(x, y), max(x, y).")
        parts, function = [self.numbers(argument) for argument in node.args], _FUNCTIONS[name]
        if name == "abs":
            return lambda rows: function(parts[0](rows))
        return lambda rows: reduce(function, [part(rows) for part in parts])

    def _constant(self, value: float) -> Numbers:
        try:
            number = float(value)
        except OverflowError as error:
            raise self._wrong("a number in it is too large", "Use a number below 1e308.") from error
        return lambda rows: np.full(len(rows), number)

    @staticmethod
    def _equal_sides(node: ast.expr) -> tuple[tuple[ast.expr, ast.expr], ...]:
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], ast.Eq):
            return (node.left, node.comparators[0]), (node.comparators[0], node.left)
        return ()

    def _feature(self, name: str) -> Feature:
        return self._schema.features[self._column(name)]

    def _column(self, name: str) -> int:
        name = self._quoted.get(name, name)
        if name not in self._index:
            raise self._wrong(f"there is no column {name!r}", f"Columns are: {self._some_columns()}.")
        return self._index[name]

    def _placeholder(self, match: re.Match[str]) -> str:
        self._quoted[key := f"_column_{len(self._quoted)}"] = match[1]
        return key

    def show(self, node: ast.AST) -> str:
        return reduce(lambda text, key: text.replace(key, f"`{self._quoted[key]}`"), self._quoted, ast.unparse(node))

    def _some_columns(self) -> str:
        names = self._schema.names
        return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")

    def _wrong(self, reason: str, hint: str) -> FixInput:
        shown = self._text if len(self._text) <= 80 else self._text[:77] + "..."
        return FixInput("manifest.bad-relation", f"The relation `{shown}` cannot be used: {reason}.", hint)


def _has_text(feature: Feature) -> bool:
    return feature.kind is Kind.CATEGORY and any(isinstance(label, str) for label in feature.categories)


def _depth(node: ast.AST) -> int:
    return 1 + max((_depth(child) for child in ast.iter_child_nodes(node)), default=0)
