"""What a gateway serves, as people write it: `gateway.yaml`, read with errors that name line and fix."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from holdfast.documents import Section, read_document
from holdfast.domain.errors import FixInput
from holdfast.gateway.access.budgets import Cut
from holdfast.gateway.chat.hosts import Provider
from holdfast.gateway.setup.sections import IssuerSection, ObserveSection

DIGEST = r"^sha256:[0-9a-f]{64}$"
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


class ListenSection(Section):
    """Where the gateway listens. With `clients`, a file of certificate authorities, programs can show a certificate."""

    host: str = "127.0.0.1"
    port: int = Field(default=8720, ge=1, le=65535)
    certificate: Path | None = None
    key: Path | None = None
    clients: Path | None = None

    @model_validator(mode="after")
    def _all_of_tls(self) -> ListenSection:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("`certificate` and `key` go together")
        if self.clients is not None and self.certificate is None:
            raise ValueError("who has `clients` show certificates needs `certificate` and `key` of its own")
        return self


class PlaneSection(Section):
    """The control plane: its address, and the ledger's public key (vkey), by which clearances are verified."""

    url: str
    key: str
    stale_after_hours: float = Field(default=24.0, gt=0)


class ReleaseSection(Section):
    """One release and what answers for it: a model file here, in an isolated worker, or an `upstream` server, which
    speaks the Open Inference Protocol, or MLflow's where that is its `format`.

    Of two classes a model here decides for the favourable one from `threshold` on, as in the release's manifest.
    """

    release: str = Field(pattern=DIGEST)
    model: Path | None = None
    format: str = ""
    allow: list[str] = []
    upstream: str = ""
    threshold: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _one_of_both(self) -> ReleaseSection:
        if (self.model is None) == (not self.upstream):
            raise ValueError("a release needs `model` or `upstream`, and not both")
        if self.upstream and self.format not in ("", "mlflow"):
            raise ValueError("an upstream's `format` is mlflow, or left out for the Open Inference Protocol")
        return self


class CanarySection(Section):
    """The release that is tried on a share of the exchanges."""

    release: str = Field(pattern=DIGEST)
    share: float = Field(gt=0, lt=1)


class SystemSection(Section):
    """One system: its name in the inventory, its name in paths, how it is guarded, and its releases, best first."""

    system: str
    name: str = Field(pattern=NAME)
    reference: Path
    policy: Path | None = None
    releases: list[ReleaseSection] = Field(min_length=1)
    canary: CanarySection | None = None
    shadow: list[str] = []


class PriceSection(Section):
    """What a million tokens cost, in the unit of the budgets."""

    asked: float = Field(default=0.0, ge=0)
    answered: float = Field(default=0.0, ge=0)


class HostSection(Section):
    """One release and the model of language that it names: where it is hosted, what it is called there, at what price.

    `key_file` holds the upstream's key, `key_env` names the variable that does.
    """

    release: str = Field(pattern=DIGEST)
    upstream: str
    provider: Provider = Provider.OPENAI
    model: str = Field(min_length=1)
    key_file: Path | None = None
    key_env: str = ""
    api_version: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$")
    price: PriceSection = PriceSection()
    seconds: float = Field(default=120.0, gt=0)


class ChatSection(Section):
    """One system that converses: its name in the inventory, the name of its model for clients, and its releases."""

    system: str
    name: str = Field(pattern=NAME)
    policy: Path | None = None
    releases: list[HostSection] = Field(min_length=1)
    canary: CanarySection | None = None
    shadow: list[str] = []


class ToolHostSection(Section):
    """One release of a server of tools, and the address at which it speaks MCP over streamable HTTP.

    `key_file` holds the bearer token that it asks for, `key_env` names the variable that does.
    """

    release: str = Field(pattern=DIGEST)
    upstream: str
    key_file: Path | None = None
    key_env: str = ""
    seconds: float = Field(default=120.0, gt=0)


class ToolServerSection(Section):
    """One server of tools: its name in the inventory, its name in paths, its policy, which has `tools`, and its
    releases, best first.
    """

    system: str
    name: str = Field(pattern=NAME)
    policy: Path
    releases: list[ToolHostSection] = Field(min_length=1)


class BudgetsSection(Section):
    """Where budgets are shared, and what happens where that cannot be reached."""

    valkey: str = ""
    when_cut_off: Cut = Cut.REFUSE


class LogSection(Section):
    """The decision log: durable before each answer, or within so many seconds after it."""

    within: float | None = Field(default=None, gt=0, le=60)


class GatewayDocument(Section):
    """The whole document."""

    holdfast: Literal[1]
    environment: str
    gateway: str = Field(default="gateway", pattern=NAME)
    listen: ListenSection = ListenSection()
    control_plane: PlaneSection
    budgets: BudgetsSection = BudgetsSection()
    log: LogSection = LogSection()
    issuers: list[IssuerSection] = []
    observe: ObserveSection = ObserveSection()
    systems: list[SystemSection] = []
    chats: list[ChatSection] = []
    mcp: list[ToolServerSection] = []

    @property
    def served(self) -> tuple[SystemSection | ChatSection | ToolServerSection, ...]:
        """All that is served."""
        return *self.systems, *self.chats, *self.mcp

    @model_validator(mode="after")
    def _something(self) -> GatewayDocument:
        names = [each.name for each in self.served]
        if not names:
            raise ValueError("nothing is served: name `systems`, `chats` or `mcp`")
        if len(set(names)) < len(names):
            raise ValueError("two of the systems, chats or servers of tools have the same name")
        return self


def read_gateway(path: Path) -> GatewayDocument:
    """The document at `path`; its own paths are relative to its folder."""
    return read_document(path, GatewayDocument)


def named(document: GatewayDocument, gateway: str) -> GatewayDocument:
    """The same for a gateway of this name; FixInput where it is none."""
    if not re.match(NAME, gateway):
        raise FixInput("gateway.name", f"{gateway!r:.80} is no name.", "Take letters, digits, dots and dashes.")
    return document.model_copy(update={"gateway": gateway})
