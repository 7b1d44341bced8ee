"""List the scikit-learn classes that a model file may restore, for ``src/holdfast/artifacts/sklearn.toml``.

    python scripts/model_classes.py list > one-version.json      # in an environment of each version
    python scripts/model_classes.py merge *.json > src/holdfast/artifacts/sklearn.toml

A class is listed if restoring it runs nothing of its own: neither ``__setstate__``, ``__new__``, ``__setattr__``,
``__getattr__``, ``__hash__`` nor ``__del__``, other than those of `object` and of scikit-learn's base classes, which
only fill ``__dict__``. Classes with hooks, and extension types, are audited by hand in ``allowlist.toml``.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import sys
import warnings
from collections import defaultdict
from pathlib import Path

import sklearn

HOOKS = ("__setstate__", "__new__", "__setattr__", "__getattr__", "__getattribute__", "__hash__", "__del__")
LEFT_OUT = {
    "tests", "externals", "conftest", "datasets", "_build_utils", "_testing", "_test_common", "callback", "parallel",
    "_plot", "_joblib", "_pprint", "_mocking", "_repr_html", "_estimator_html_repr", "inspection", "_show_versions",
    "deprecation", "metaestimators", "_available_if", "fixes", "estimator_checks", "_param_validation", "_set_output",
    "_tags", "_plotting", "_array_api", "experimental", "discovery",
}  # fmt: skip
HEAP_TYPE = 1 << 9
FUNCTIONS = (
    "sklearn.metrics",
    "sklearn.feature_selection",
    "sklearn.metrics.pairwise",
)

BUILDERS = ("_", "make_", "get_", "check_")
"""Functions that return functions or estimators: no score, and no need of a model."""


def is_inert(kind: type) -> bool:
    """Whether making an instance without ``__init__`` and setting its state runs no code but the base classes'."""
    if not kind.__flags__ & HEAP_TYPE or issubclass(kind, (BaseException, dict, list, tuple, str)):
        return False
    for hook in HOOKS:
        owner = next((base for base in kind.__mro__ if hook in vars(base)), object)
        known = owner is object or owner.__module__ in ("sklearn.base", "typing", "abc")
        if not known and vars(owner)[hook] is not None:
            return False
    return True


def modules() -> list[object]:
    """Every module of the installed scikit-learn that a model could name."""
    found = []
    for info in pkgutil.walk_packages(sklearn.__path__, "sklearn.", onerror=lambda _: None):
        if LEFT_OUT.isdisjoint(info.name.split(".")):
            try:
                found.append(importlib.import_module(info.name))
            except Exception as error:  # a module whose optional library is absent
                sys.stderr.write(f"{info.name}: {error}\n")
    return found


def listed() -> dict[str, dict[str, list[str]]]:
    """Names by module: classes that are inert, those that are not, and the public scoring functions."""
    classes: dict[str, set[str]] = defaultdict(set)
    hooked: dict[str, set[str]] = defaultdict(set)
    for module in modules():
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and (kind.__module__, kind.__name__) == (module.__name__, name):
                (classes if is_inert(kind) else hooked)[module.__name__].add(name)
    functions: dict[str, set[str]] = defaultdict(set)
    for package in FUNCTIONS:
        for name, item in vars(importlib.import_module(package)).items():
            if inspect.isfunction(item) and item.__module__.startswith(package) and not name.startswith(BUILDERS):
                functions[item.__module__].add(item.__name__)
    return {"values": _sorted(functions), "classes": _sorted(classes), "hooked": _sorted(hooked)}


def _sorted(names: dict[str, set[str]]) -> dict[str, list[str]]:
    return {module: sorted(names[module]) for module in sorted(names)}


def merged(lists: list[dict[str, dict[str, list[str]]]]) -> str:
    """One TOML text that allows what any of the versions has, and none of them restores by code of its own."""
    lines = ["# Written by scripts/model_classes.py; do not edit."]
    for section in ("values", "classes"):
        names: dict[str, set[str]] = defaultdict(set)
        for one in lists:
            for module, members in one[section].items():
                names[module].update(members)
        for one in lists if section == "classes" else ():
            for module, members in one["hooked"].items():
                names[module].difference_update(members)
        lines += ["", f"[{section}]", *(f'"{m}" = "{" ".join(sorted(names[m]))}"' for m in sorted(names) if names[m])]
    return "\n".join(lines)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    if sys.argv[1:] == ["list"]:
        sys.stdout.write(json.dumps(listed()))
    else:
        sys.stdout.write(merged([json.loads(Path(path).read_text("utf-8")) for path in sys.argv[2:]]) + "\n")
