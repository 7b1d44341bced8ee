"""What can be established about a release before it is attacked: its columns, its answers, its protections."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from holdfast.datasets.dataset import Dataset
from holdfast.datasets.infer import infer_schema
from holdfast.datasets.load import to_dataset
from holdfast.datasets.read import read_table
from holdfast.domain.errors import FixInput
from holdfast.domain.evidence import Failed, Material, ProbeOutcome, Protection, Skipped
from holdfast.domain.schema import Schema
from holdfast.probes.contract import Need, ProbeSpec
from holdfast.releases.release import Release
from holdfast.targets.model import plain_name
from holdfast.targets.spec import ModelFacts

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why the model cannot be asked: the artefact scan refused it, or it failed as it was loaded."""

    refused: bool
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The facts that decide which probes apply. Small, so that an unchanged release need not be opened again."""

    schema: Schema
    gives_scores: bool
    labelled: bool
    trained: bool
    artifact: bool
    library: str
    protections: tuple[Protection, ...]
    obstacle: Obstacle | None = None

    def without(self, spec: ProbeSpec) -> ProbeOutcome | None:
        """The outcome of a probe that cannot run here, in words; None where it can."""
        if self.obstacle is not None and spec.needs & {Need.MODEL, Need.SCORES}:
            if self.obstacle.refused:
                return Skipped(spec.id, spec.version, self.obstacle.reason)
            return Failed(spec.id, spec.version, self.obstacle.reason, self.obstacle.hint)
        reason = self._unmet(spec)
        return None if reason is None else Skipped(spec.id, spec.version, reason)

    def _unmet(self, spec: ProbeSpec) -> str | None:
        if self.schema.task not in spec.tasks:
            return f"It does not apply to {self.schema.task.value} models."
        missing = sorted(need.value for need in spec.needs - self._met())
        return f"It needs {' and '.join(missing)}." if missing else None

    def _met(self) -> set[Need]:
        holds = {
            Need.ARTIFACT: self.artifact,
            Need.MODEL: True,
            Need.SCORES: self.gives_scores,
            Need.LABELS: self.labelled,
            Need.TRAINING_DATA: self.trained,
            Need.PROTECTED: bool(self.schema.protected),
        }
        return {need for need, met in holds.items() if met}


@dataclass(frozen=True, eq=False)
class Frames:
    """The release's tables as people write them."""

    test: pd.DataFrame
    train: pd.DataFrame | None


def read_frames(release: Release) -> Frames:
    """Read both tables."""
    return Frames(read_table(release.test), read_table(release.train) if release.train else None)


def make_plan(release: Release, frames: Frames, facts: ModelFacts | Obstacle) -> Plan:
    """Infer the schema from the training table (the test table where there is none) and hold the model against it.

    With an `Obstacle` in place of the model's facts, what needs no model can still be asked.
    """
    known = facts if isinstance(facts, ModelFacts) else None
    frame = frames.test if frames.train is None else frames.train
    stated = release.stated(_in_table(known.features, frame) if known else None)
    schema = infer_schema(frame, replace(stated, task=stated.task or (known.task if known else None)))
    if known is not None:
        _require_width(schema, known)
    return Plan(
        schema=schema,
        gives_scores=known is None or known.gives_scores,
        labelled=schema.target in frames.test.columns,
        trained=frames.train is not None,
        artifact=bool(release.model_files),
        library=known.library if known else "",
        protections=known.protections if known else (),
        obstacle=facts if isinstance(facts, Obstacle) else None,
    )


def _in_table(features: tuple[str, ...] | None, frame: pd.DataFrame) -> tuple[str, ...] | None:
    """The model's features under the table's own names, where the model writes them more plainly."""
    if features is None:
        return None
    plain = {plain_name(str(column)): str(column) for column in frame.columns}
    return tuple(name if name in frame.columns else plain.get(name, name) for name in features)


def _require_width(schema: Schema, facts: ModelFacts) -> None:
    if facts.n_features is not None and facts.n_features != len(schema.features):
        raise FixInput(
            "model.feature-count",
            f"The model takes {facts.n_features} features; the table leaves {len(schema.features)}.",
            "List them in order under `model.features`, or name the others under `data.exclude`.",
        )


@dataclass(frozen=True, eq=False)
class Tables:
    """The release's data in matrix form."""

    test: Dataset
    train: Dataset | None


def to_tables(frames: Frames, schema: Schema, materials: tuple[Material, ...]) -> Tables:
    """Both tables under one schema, each with the digest of what it was read from."""
    digests = {material.role: material.digest for material in materials}
    test = to_dataset(frames.test, schema, digest=digests["test data"], name="test table")
    if frames.train is None:
        return Tables(test, None)
    train = to_dataset(frames.train, schema, digest=digests["training data"], name="training table")
    return Tables(test, train)
