"""`holdfast.yaml`: what the system is for, where model and data lie, and what the columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from holdfast.documents import Section, check_content, read_document
from holdfast.domain.appetite import Tier
from holdfast.domain.schema import Kind, Monotone, Task
from holdfast.domain.system import Owners, System

FILENAME = "holdfast.yaml"


class OwnersSection(Section):
    """Who answers for what."""

    data: str = ""
    model: str = ""
    deployment: str = ""
    monitoring: str = ""


class SystemSection(Section):
    """The use of AI that this release serves."""

    name: str = Field(min_length=1, max_length=200)
    purpose: str = ""
    use_case: str = ""
    affected: str = ""
    vendor: str = ""
    tier: Tier = Tier.HIGH
    decisions_per_year: int | None = Field(default=None, ge=1)
    currency: str = "USD"
    owners: OwnersSection = OwnersSection()

    def record(self) -> System:
        """The domain record."""
        return System(**{**self.model_dump(exclude={"owners"}), "owners": Owners(**self.owners.model_dump())})


class ModelSection(Section):
    """Where the model is and how it answers.

    `path` is a file beside the manifest, `python:module.function`, or an http(s) URL. `allow` lists exact class names
    of your own that the artefact scan and the loader may accept.
    """

    path: str
    format: str | None = None
    features: list[str] | None = None
    threshold: float = 0.5
    allow: list[str] = []
    headers: dict[str, str] = {}
    seconds_per_call: float = Field(default=60, gt=0)
    memory_mb: int = Field(default=4096, ge=128)


class Query(Section):
    """A table by DuckDB SQL, or a file with reading options."""

    path: str | None = None
    sql: str | None = None
    database: str | None = None
    encoding: str = "utf-8"
    delimiter: str = ","

    @model_validator(mode="after")
    def _one_source(self) -> Query:
        if (self.path is None) == (self.sql is None):
            raise ValueError("give either `path` or `sql`")
        return self


def _source(value: Any) -> Any:
    return {"path": value} if isinstance(value, str) else value


Source = Annotated[Query, BeforeValidator(_source)]


class Column(Section):
    """What is known of one feature; whatever is left out is inferred from the training data."""

    kind: Kind | None = None
    min: float | None = None
    max: float | None = None
    categories: list[str | int | float | bool] | None = None
    immutable: bool | None = None
    monotone: Monotone | None = None
    cost: float | None = Field(default=None, ge=0)


class DataSection(Section):
    """The tables and the roles of their columns."""

    test: Source
    train: Source | None = None
    target: str
    task: Task | None = None
    favourable: str | int | float | bool | None = None
    protected: list[str] = []
    id: str | None = None
    source: str | None = None
    time: str | None = None
    exclude: list[str] = []
    columns: dict[str, Column] = {}
    one_hot: list[list[str]] | None = None
    relations: list[str] = []


class ProbesSection(Section):
    """Which probes run and with what parameters."""

    only: list[str] = []
    skip: list[str] = []
    params: dict[str, dict[str, Any]] = {}


class Manifest(Section):
    """The whole document."""

    holdfast: Literal[1]
    system: SystemSection
    model: ModelSection
    data: DataSection
    appetite: str | None = None
    probes: ProbesSection = ProbesSection()
    seed: int = Field(default=0, ge=0)


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`, a file or the folder that holds `holdfast.yaml`; FixInput names the line to mend."""
    return read_document(path / FILENAME if path.is_dir() else path, Manifest)


def parse_manifest(content: Mapping[str, Any], name: str) -> Manifest:
    """The manifest in a mapping, without a file; FixInput names the key to mend."""
    return check_content(content, Manifest, name)
