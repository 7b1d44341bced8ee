"""The files behind a manifest, and their digests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from holdfast import canonical
from holdfast.datasets.infer import Stated
from holdfast.datasets.read import TableSource, digest_file, digest_table
from holdfast.domain.errors import FixInput
from holdfast.domain.evidence import Material
from holdfast.manifest import DataSection, Manifest, Query
from holdfast.targets.spec import TargetSpec, infer_format

MODEL = "model"


@dataclass(frozen=True)
class Release:
    """One version of a system: the manifest and the folder that its paths start from."""

    manifest: Manifest
    folder: Path

    @property
    def model_files(self) -> tuple[Path, ...]:
        """The model's files: none for a model behind a URL or a Python function."""
        path = self.manifest.model.path
        return () if self.is_chat or self._is_remote or path.startswith("python:") else (self._model_file(),)

    @property
    def _is_remote(self) -> bool:
        return self.manifest.model.path.startswith(("http://", "https://"))

    @property
    def is_chat(self) -> bool:
        """Whether it is a model of language, which is asked with text."""
        return self.manifest.model.chat is not None

    @property
    def is_fixed(self) -> bool:
        """Whether the digests of the materials fix what the model answers; not so for a model behind a URL."""
        return not self._is_remote and not self.is_chat

    def _model_file(self) -> Path:
        path = self.folder / self.manifest.model.path
        if not path.exists():
            raise FixInput(
                "model.absent", f"There is no model {path}.", "Check `model.path`; paths start at the manifest."
            )
        return path

    @property
    def test(self) -> TableSource:
        """The held-out table."""
        return self._source(self.manifest.tables.test)

    @property
    def train(self) -> TableSource | None:
        """The training table, if given."""
        source = self.manifest.tables.train
        return None if source is None else self._source(source)

    def _source(self, query: Query) -> TableSource:
        return TableSource(
            path=self.folder / query.path if query.path else None,
            sql=query.sql,
            database=self.folder / query.database if query.database else None,
            folder=self.folder,
            encoding=query.encoding,
            delimiter=query.delimiter,
        )

    @property
    def target(self) -> TargetSpec:
        """How to reach the model."""
        model = self.manifest.model
        if self.is_chat:
            raise FixInput("model.chat", "A chat is not asked with rows.", "Only models of tables can do this.")
        location = str(self._model_file()) if self.model_files else model.path
        return TargetSpec(
            format=model.format or infer_format(location),
            location=location,
            threshold=model.threshold,
            seconds_per_call=model.seconds_per_call,
            memory_mb=model.memory_mb,
            allow=tuple(model.allow),
            headers=tuple(sorted(model.headers.items())),
            python_path=str(self.folder),
        )

    def materials(self) -> tuple[Material, ...]:
        """Everything that is measured, by digest: the model, the tables."""
        tables = [("test data", self.test)] + ([("training data", self.train)] if self.train else [])
        return (self._model_material(), *(digest_table(source, role) for role, source in tables))

    def _model_material(self) -> Material:
        if self.model_files:
            path = self.model_files[0]
            return Material(MODEL, path.name, digest_file(path), path.stat().st_size)
        location = self.manifest.model.path
        if location.startswith("python:"):
            sources = {str(p.relative_to(self.folder)): digest_file(p) for p in sorted(self._sources())}
            return Material(MODEL, location, canonical.digest(sources), len(sources), "text/x-python")
        return Material(MODEL, location, canonical.digest({"url": location}), 0, "text/uri-list")

    def _sources(self) -> list[Path]:
        """The Python files that a function beside the manifest may depend on."""
        hidden = {".holdfast", ".venv", "__pycache__"}
        return [p for p in self.folder.rglob("*.py") if not hidden & set(p.relative_to(self.folder).parts)]

    def stated(self, model_features: tuple[str, ...] | None) -> Stated:
        """What the manifest says of the columns."""
        return stated_columns(self.manifest.tables, self.manifest, model_features)


def stated_columns(data: DataSection, manifest: Manifest, model_features: tuple[str, ...] | None) -> Stated:
    """The manifest's words on columns as `Stated`; the model's own feature names win over table order."""
    features = manifest.model.features
    names = tuple(features) if features is not None else model_features
    return Stated(
        target=data.target,
        task=data.task,
        features=names,
        favourable=data.favourable,
        protected=tuple(data.protected),
        id=data.id,
        source=data.source,
        time=data.time,
        exclude=tuple(data.exclude),
        columns={name: _facts(column) for name, column in data.columns.items()},
        one_hot=None if data.one_hot is None else tuple(tuple(group) for group in data.one_hot),
        relations=tuple(data.relations),
        currency=manifest.system.currency,
    )


def _facts(column: object) -> dict[str, object]:
    """Only what was written, under the names that `Feature` uses."""
    rename = {"min": "low", "max": "high"}
    written = column.model_dump(exclude_none=True)  # type: ignore[attr-defined]
    facts = {rename.get(name, name): value for name, value in written.items()}
    return {**facts, "categories": tuple(facts["categories"])} if "categories" in facts else facts
