"""What is to be attacked and what it says of itself, in forms that travel as JSON. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from holdfast.domain.errors import FixInput
from holdfast.domain.evidence import Protection
from holdfast.domain.schema import Scalar, Task

PYTHON = "python:"
REMOTE = ("open-inference", "mlflow")
FORMATS = ("pickle", "joblib", "skops", "xgboost", "lightgbm", "onnx", "python", *REMOTE)

_SUFFIXES = {
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".joblib": "joblib",
    ".skops": "skops",
    ".json": "xgboost",
    ".ubj": "xgboost",
    ".onnx": "onnx",
    ".txt": "lightgbm",
    ".lgb": "lightgbm",
    ".lightgbm": "lightgbm",
}
_OPENINGS = {
    b"tree\n": "lightgbm",
    b"tree\r\n": "lightgbm",
    b"{L": "xgboost",
    b'{"learner"': "xgboost",
    b"PK\x03\x04": "skops",
    b"\x80": "pickle",
    b"\x78": "joblib",
}


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """Where a model is and under which limits it may answer. Carries no secret, so it can be sealed and sent.

    `location` is a file, ``python:module.function`` or a URL. `threshold` is the score of the favourable class from
    which a binary decision is favourable. `seconds_per_call` ends a call (of at most 64 MB of rows) that hangs;
    `memory_mb` is what the model may hold beside the libraries. `allow` lists exact class names of one's own that
    loading may construct. `headers` maps an HTTP header to the environment variable that holds its value.
    `python_path` is the folder that a Python function or an own class is imported from.
    """

    format: str
    location: str
    threshold: float = 0.5
    seconds_per_call: float = 60.0
    memory_mb: int = 4096
    allow: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    python_path: str = ""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise FixInput(
                "model.unknown-format",
                f"{self.format!r} is not a model format that Holdfast reads.",
                f"Set `model.format` to one of: {', '.join(FORMATS)}.",
            )

    @property
    def is_remote(self) -> bool:
        """Whether another server answers."""
        return self.format in REMOTE

    @property
    def is_file(self) -> bool:
        """Whether `location` is a file."""
        return not self.is_remote and self.format != "python"


METHOD = "TreeSHAP"
"""Exact for trees: each column's part of the score along the paths of the trees, weighted by the training rows that
went there (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees").
"""


class Link(StrEnum):
    """How what contributions add up to becomes the model's answer."""

    IDENTITY = "identity"
    LOGISTIC = "logistic"
    SOFTMAX = "softmax"
    EXP = "exp"


@dataclass(frozen=True, slots=True)
class Additive:
    """That a model's structure gives what each column contributes, exactly: by which `method`, and on which scale.

    There are so many sums, the `outputs`: one of a regression, or of two classes (about the second); else one for each
    class.
    """

    method: str
    link: Link
    outputs: int


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model says of itself once it is open.

    `library` names it with its version, `estimator` its class or objective. `task`, `features` and `n_features` are
    None and `classes` empty where the format does not tell. `classes` are in the order of the model's scores. Where
    only asking can tell, `gives_scores` is True until a schema says what to ask. `additive` is None where the structure
    of the model does not tell what its columns contribute.
    """

    library: str
    estimator: str = ""
    task: Task | None = None
    classes: tuple[Scalar, ...] = ()
    features: tuple[str, ...] | None = None
    n_features: int | None = None
    gives_scores: bool = True
    additive: Additive | None = None
    protections: tuple[Protection, ...] = ()


def infer_format(location: str) -> str:
    """The format of a model by its address, its suffix, or its first bytes; FixInput where none of them tells."""
    if location.startswith(PYTHON):
        return "python"
    if location.startswith(("http://", "https://")):
        return "mlflow" if location.rstrip("/").endswith("/invocations") else "open-inference"
    known = _SUFFIXES.get(Path(location).suffix.lower()) or _by_opening(Path(location))
    if known is None:
        raise FixInput(
            "model.unknown-format",
            f"Neither its name nor its first bytes say what kind of model {Path(location).name} is.",
            f"Set `model.format` to one of: {', '.join(FORMATS)}.",
        )
    return known


def _by_opening(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            opening = file.read(16)
    except OSError:
        return None
    return next((format for start, format in _OPENINGS.items() if opening.startswith(start)), None)
