"""What a request finds: the desk, the accounts, and how the server is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from holdfast.domain.classification import Questionnaire
from holdfast.domain.errors import Unavailable
from holdfast.domain.measure import Measure
from holdfast.flows.clear import Clearances
from holdfast.flows.courier import Courier
from holdfast.flows.desk import Desk
from holdfast.flows.explain_decision import Archive, Keys
from holdfast.flows.label_decisions import LabelLog
from holdfast.flows.lapsed import Lapses
from holdfast.flows.security_events import SecurityEvents
from holdfast.flows.sequence import Sequencer
from holdfast.flows.watcher import Watcher
from holdfast.ports import Accounts, Answers
from holdfast.releases.shelf import Shelf
from holdfast.server.oidc import Provider


@dataclass(frozen=True)
class DecisionRoom:
    """Where decisions are read and labels are kept; `keys` open what is personal. By the releases on the `shelf`
    decisions are explained.
    """

    archive: Archive
    log: LabelLog
    keys: Keys
    shelf: Shelf | None = None


@dataclass(frozen=True)
class Platform:
    """One running control plane. `url` is where people reach it, without a slash at the end; `provider` is who vouches
    for them, where an organisation has one. Systems are classified by `questionnaires`, by their regime; `courier`
    tells webhooks, `answers` keeps what forms were answered; None where nobody does. `measures` are those that the
    probes declare, by id. Decisions are read in its `room`, and watched
    by its `watcher`; `events` tells a SIEM of what comes of that.
    """

    desk: Desk
    accounts: Accounts
    sequencer: Sequencer
    url: str
    provider: Provider | None = None
    questionnaires: Mapping[str, Questionnaire] = field(default_factory=dict)
    courier: Courier | None = None
    measures: Mapping[str, Measure] = field(default_factory=dict)
    answers: Answers | None = None
    clearances: Clearances = field(default_factory=Clearances)
    lapses: Lapses = field(default_factory=Lapses)
    room: DecisionRoom | None = None
    watcher: Watcher | None = None
    events: SecurityEvents | None = None

    @property
    def watching(self) -> Watcher:
        """Who watches decisions; Unavailable where nobody does."""
        if self.watcher is None:
            raise Unavailable("watch.nobody", "This control plane watches no decisions.", "Start it with a --home.")
        return self.watcher

    @property
    def decisions(self) -> DecisionRoom:
        """Where decisions are read; Unavailable where nobody said."""
        if self.room is None:
            raise Unavailable("decisions.room", "This control plane reads no decisions.", "Start it with a --home.")
        return self.room

    @property
    def is_encrypted(self) -> bool:
        """Whether browsers reach it over TLS, so that cookies may be confined to that."""
        return self.url.startswith("https://")
