"""Parts of `gateway.yaml` about who is trusted to sign tokens, and about where what happens is told."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from pydantic import Field, model_validator

from holdfast.documents import Section


class IssuerSection(Section):
    """Whoever signs tokens that count: its name (``iss``), for whom they must be meant (``aud``), and its keys.

    `keys` is a JWK set: a file, or an address; where it is left out, the issuer's own metadata says where they are.
    After `stale_after_hours` without them they count no longer.
    """

    name: str = Field(min_length=1)
    audience: str = Field(min_length=1)
    keys: str = ""
    stale_after_hours: float = Field(default=24.0, gt=0)

    @model_validator(mode="after")
    def _keys_can_be_found(self) -> IssuerSection:
        address = self.keys or self.name
        if not self.keys and not self.name.startswith(("https://", "http://")):
            raise ValueError("an issuer that is no address needs `keys`, a file or an address")
        if address.startswith("http://") and not _is_here(address.removeprefix("http://").split("/")[0]):
            raise ValueError("keys come from a file or over https://")
        return self


class MetricsSection(Section):
    """A port for Prometheus.

    Off this machine's own addresses it answers only who sends the token in `token_file`, and under the gateway's
    certificate, where it has one.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=9464, ge=1, le=65535)
    token_file: Path | None = None

    @property
    def is_here(self) -> bool:
        """Whether only this machine reaches it."""
        return _is_here(self.host)

    @model_validator(mode="after")
    def _not_open_to_everybody(self) -> MetricsSection:
        if self.token_file is None and not self.is_here:
            raise ValueError("a metrics port that others reach needs `token_file`")
        return self


class OtlpSection(Section):
    """An OpenTelemetry collector, reached by OTLP over HTTP, and the `share` of untraced exchanges to record.

    `headers_file` holds lines ``name: value``, such as a token.
    """

    url: str = Field(pattern=r"^https?://[^@]+$")
    share: float = Field(default=0.01, ge=0, le=1)
    headers_file: Path | None = None


class EventsSection(Section):
    """Where security events go, as OCSF: a file of JSON lines, or an address that takes JSON arrays."""

    file: Path | None = None
    url: str = Field(default="", pattern=r"^(https?://[^@]+)?$")
    headers_file: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> EventsSection:
        if (self.file is None) == (not self.url):
            raise ValueError("events go to `file` or to `url`, and not to both")
        return self


class ObserveSection(Section):
    """Where what happens is told. Nothing is, unless it is named."""

    metrics: MetricsSection | None = None
    otlp: OtlpSection | None = None
    events: EventsSection | None = None


def _is_here(host: str) -> bool:
    name = host.rpartition(":")[0] or host if host.count(":") == 1 else host.strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
