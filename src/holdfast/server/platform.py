"""What a request finds: the desk, the accounts, and how the server is reached."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.flows.desk import Desk
from holdfast.flows.sequence import Sequencer
from holdfast.ports import Accounts
from holdfast.server.oidc import Provider


@dataclass(frozen=True)
class Platform:
    """One running control plane. `url` is where people reach it, without a slash at the end; `provider` is who vouches
    for them, where an organisation has one.
    """

    desk: Desk
    accounts: Accounts
    sequencer: Sequencer
    url: str
    provider: Provider | None = None

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers reach it over TLS, so that cookies may be confined to that."""
        return self.url.startswith("https://")
