"""Trials of the probes for model files."""

from __future__ import annotations

import pickle
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from holdfast.probes.contract import Case
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trial import Trial


class _Inert:
    """Pickles to a call that names the working directory: what an attacker would put there, without the harm."""

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        import os

        return os.getcwd, ()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """One folder for the files of all trials, removed when the interpreter ends."""
    return tempfile.TemporaryDirectory(prefix="holdfast-trial-")


def _case(seed: int, name: str, wrap: Any) -> Case:
    """A case around a small forest whose file, written to a temporary folder, holds what `wrap` makes of it."""
    from sklearn.ensemble import RandomForestClassifier

    train, test = credit_rows(200, 2 * seed + 1), credit_rows(50, 2 * seed + 2)
    model = RandomForestClassifier(5, random_state=seed).fit(train.X, train.y)
    path = Path(_folder().name, name)
    path.write_bytes(pickle.dumps(wrap(model)))
    return replace(case_of(model, credit_schema(), train, test, seed=seed), artifact=(path,))


unsafe_code = Trial(
    planted=lambda seed: _case(seed, f"planted-{seed}.pkl", lambda model: {"model": model, "about": _Inert()}),
    clean=lambda seed: _case(seed, f"clean-{seed}.pkl", lambda model: {"model": model, "about": "a forest"}),
    finds="unsafe-code",
)
