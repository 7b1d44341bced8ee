"""`holdfast.yaml`: what the system is for, where model and data lie, and what the columns mean."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from holdfast.documents import Section, check_content, read_document
from holdfast.domain.appetite import Tier
from holdfast.domain.errors import FixInput
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


class PriceSection(Section):
    """Money per million tokens, in the system's currency."""

    asked: float = Field(ge=0)
    answered: float = Field(ge=0)


class ThroughSection(Section):
    """The same chat behind a gateway."""

    url: str
    dialect: Literal["openai", "anthropic"] = "openai"
    model: str = ""
    key: str = ""
    headers: dict[str, str] = {}


class ChatSection(Section):
    """A model of language behind a URL, with what it is deployed with.

    `url` is the address below which the dialect has its endpoint (`https://api.example/v1`). `key` names the
    environment variable that holds the API key, `headers` maps further headers to such variables. `system_prompt` (a
    template, filled in with `prompt_variables` for the check) and `tools` (schemas in either dialect, as JSON or YAML)
    are files beside the manifest. Where the endpoint has a system prompt of its own, `canary` names the variable that
    holds a word planted in that and said nowhere else. Where the chat runs behind guards, `policy` is the policy that
    has them, or `through` the gateway that does. A probe sends at most `most_requests`, `at_once` of them side by side.
    """

    url: str
    dialect: Literal["openai", "anthropic"] = "openai"
    model: str = ""
    key: str = ""
    headers: dict[str, str] = {}
    system_prompt: str | None = None
    prompt_variables: dict[str, str] = {}
    canary: str = ""
    tools: str | None = None
    max_tokens: int | None = Field(default=1024, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    price: PriceSection | None = None
    seconds_per_call: float = Field(default=60, gt=0)
    at_once: int = Field(default=4, ge=1, le=64)
    most_requests: int = Field(default=5_000, ge=1)
    policy: str | None = None
    through: ThroughSection | None = None

    @model_validator(mode="after")
    def _guarded_once(self) -> ChatSection:
        if self.policy is not None and self.through is not None:
            raise ValueError("give `policy` or `through`, not both")
        return self


class ModelSection(Section):
    """Where the model is and how it answers.

    `path` is a file beside the manifest, `python:module.function`, or an http(s) URL. `allow` lists exact class names
    of your own that the artefact scan and the loader may accept. A model of language has `chat` instead, and no table.
    """

    path: str
    chat: ChatSection | None = None
    format: str | None = None
    features: list[str] | None = None
    threshold: float = 0.5
    allow: list[str] = []
    headers: dict[str, str] = {}
    seconds_per_call: float = Field(default=60, gt=0)
    memory_mb: int = Field(default=4096, ge=128)

    @model_validator(mode="before")
    @classmethod
    def _one_model(cls, said: Any) -> Any:
        if isinstance(said, Mapping) and said.get("chat") is not None:
            if said.get("path"):
                raise ValueError("give either `path` or `chat`")
            return {**said, "path": ""}
        return said


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
    task: Literal[Task.BINARY, Task.MULTICLASS, Task.REGRESSION] | None = None
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
    """The whole document. `data` is needed but for a chat."""

    holdfast: Literal[1]
    system: SystemSection
    model: ModelSection
    data: DataSection | None
    appetite: str | None = None
    probes: ProbesSection = ProbesSection()
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _without_tables(cls, said: Any) -> Any:
        model = said.get("model") if isinstance(said, Mapping) else None
        is_chat = isinstance(model, Mapping) and model.get("chat") is not None
        return {"data": None, **said} if is_chat else said

    @model_validator(mode="after")
    def _tables_or_chat(self) -> Manifest:
        if (self.data is None) != (self.model.chat is not None):
            raise ValueError("every model but a chat has `data`")
        return self

    @property
    def tables(self) -> DataSection:
        """What the manifest says of the tables; only of a model that is asked with rows."""
        if self.data is None:
            raise FixInput("manifest.no-data", "This manifest has no `data`.", "Only models of tables can do this.")
        return self.data


def read_manifest(path: Path) -> Manifest:
    """The manifest at `path`, a file or the folder that holds `holdfast.yaml`; FixInput names the line to mend."""
    return read_document(path / FILENAME if path.is_dir() else path, Manifest)


def parse_manifest(content: Mapping[str, Any], name: str) -> Manifest:
    """The manifest in a mapping, without a file; FixInput names the key to mend."""
    return check_content(content, Manifest, name)
