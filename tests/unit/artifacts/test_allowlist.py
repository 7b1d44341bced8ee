from __future__ import annotations

import importlib
import tomllib
from importlib import resources

import pytest

from holdfast.artifacts.allowlist import allowed_use, listed, native_name

DANGEROUS = (
    *("builtins.eval", "builtins.exec", "builtins.getattr", "builtins.setattr", "builtins.__import__", "builtins.open"),
    *("builtins.compile", "builtins.type", "builtins.map", "operator.attrgetter", "operator.methodcaller", "os.system"),
    *("posix.system", "importlib.import_module", "numpy.load", "numpy.fromfile", "numpy.vectorize", "numpy.frompyfunc"),
    *("joblib.numpy_pickle.load", "joblib.memory.Memory", "pandas.eval", "pandas.read_pickle", "pickle.loads"),
    *("scipy.stats._distn_infrastructure.rv_continuous", "types.FunctionType", "sklearn.metrics._scorer.make_scorer"),
)  # fmt: skip


@pytest.mark.parametrize("name", DANGEROUS)
def test_gadgets_are_not_listed(name: str) -> None:
    module, _, member = name.rpartition(".")
    assert allowed_use(module, member) is None


def test_no_listed_name_means_something_else_to_python_2_pickles() -> None:
    """So that a nested stream, whose names joblib translates by the outer protocol, cannot be read in two ways."""
    assert [key for key in listed() if native_name(*key, 2) != key] == []


def test_names_are_exact() -> None:
    assert all("*" not in name and "." not in name and module for module, name in listed())


def restorable(file: str) -> set[tuple[str, str]]:
    table = tomllib.loads(resources.files("holdfast.artifacts").joinpath(file).read_text("utf-8"))
    return {(module, name) for module, names in table["classes"].items() for name in names.split()}


def test_listed_classes_run_nothing_of_their_own_when_restored() -> None:
    """What the generated part of the list promises, on the version that is installed."""
    generated, by_hand = restorable("sklearn.toml"), restorable("allowlist.toml")
    checked = 0
    for module, name in sorted(generated - by_hand):
        try:
            kind = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):  # of another version
            continue
        checked += 1
        for hook in ("__setstate__", "__setattr__", "__getattr__", "__del__"):
            owner = next((base for base in kind.__mro__ if hook in vars(base)), object)
            assert owner is object or owner.__module__ == "sklearn.base", (module, name, hook)
    assert checked > 250


def test_user_vouches_for_exact_names_only() -> None:
    extra = frozenset({"mine.transformers.Winsorizer"})
    assert allowed_use("mine.transformers", "Winsorizer", extra)
    assert allowed_use("mine.transformers", "Other", extra) is None
    assert allowed_use("mine", "transformers", extra) is None
