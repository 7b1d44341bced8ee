"""``python:module.function``: code that takes a pandas DataFrame and returns probabilities, labels or values."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from holdfast.domain.errors import FixInput
from holdfast.targets.model import Model
from holdfast.targets.spec import PYTHON, TargetSpec


def load(spec: TargetSpec) -> Model:
    """Import the function; FixInput where there is none of that name."""
    path = spec.location.removeprefix(PYTHON)
    module_name, _, name = path.rpartition(".")
    function = getattr(_module(module_name, path), name, None)
    if not callable(function):
        raise FixInput(
            "model.no-such-function",
            f"The module {module_name!r} has no function {name!r}.",
            "Write `model.path` as python:module.function.",
        )

    def ask(batch: Any) -> Any:
        return function(batch.frame)

    return Model(library="Python function", ask=ask, estimator=path)


def _module(name: str, path: str) -> Any:
    try:
        return import_module(name)
    except (ModuleNotFoundError, ValueError) as error:
        if isinstance(error, ModuleNotFoundError) and not name.startswith(error.name or ""):
            raise
        raise FixInput(
            "model.no-such-module",
            f"There is no module {name!r} to take {path!r} from.",
            "It is looked for in the manifest's folder and among the installed packages.",
        ) from error
