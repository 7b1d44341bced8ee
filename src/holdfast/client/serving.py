"""What gateways ask of the control plane, and what people do about gateways: clearances, breakers, credentials."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.client.transport import Transport
from holdfast.client.transport import segment as quoted
from holdfast.domain.act import Kept, Page
from holdfast.domain.clearance import Breaker
from holdfast.domain.comparison import Comparison
from holdfast.domain.credential import UNLIMITED, Budget, Credential, Route, Way
from holdfast.domain.decision import Label, Segment
from holdfast.domain.retention import Hold, Removal, Retention
from holdfast.domain.view import DecidedPage, DuePage, Explained, Labelled, LetIn, Opened


class Serving(Transport):
    """The data plane's side of the house."""

    def show_clearance(self, environment: str, system: tuple[str, ...]) -> bytes:
        """What of the systems named may run in an environment: a DSSE envelope that the ledger's key signed."""
        return self._send("GET", "/clearance", query={"environment": environment, "system": list(system)}).content

    def list_breakers(self, **filters: Any) -> Page[Breaker]:
        """What is or was stopped; `state` is tripped or reset."""
        return self._get(Page[Breaker], "/breakers", **filters)

    def trip_breaker(self, system: str, *, reason: str, release: str = "") -> Kept[Breaker]:
        """Stop a system, or one release of it."""
        return self._make(Kept[Breaker], "/breakers", system=system, release=release, reason=reason)

    def reset_breaker(self, key: str, *, reason: str) -> Kept[Breaker]:
        """Let it go on."""
        return self._make(Kept[Breaker], f"/breakers/{quoted(key)}/reset", reason=reason)

    def list_credentials(self, **filters: Any) -> Page[Credential]:
        """Who may come in at the gateways; `state` is live or revoked."""
        return self._get(Page[Credential], "/credentials", **filters)

    def issue_credential(
        self,
        name: str,
        *,
        systems: tuple[str, ...],
        routes: tuple[Route, ...],
        until: datetime,
        way: Way = Way.KEY,
        match: str = "",
        budget: Budget = UNLIMITED,
    ) -> LetIn:
        """Let a program in. The secret of a key is shown now and never again."""
        reach: dict[str, Any] = {"name": name, "systems": systems, "routes": routes, "until": until.isoformat()}
        return self._make(LetIn, "/credentials", **reach, way=way, match=match, budget=budget)

    def revoke_credential(self, id: str) -> Kept[Credential]:
        """Let a program in no longer."""
        return self._make(Kept[Credential], f"/credentials/{quoted(id)}/revoke")

    def list_segments(self, **filters: Any) -> Page[Segment]:
        """Files of decisions; `state` is the gateway that wrote them."""
        return self._get(Page[Segment], "/segments", **filters)

    def show_segment(self, file: str) -> Kept[Segment]:
        """One file, by the digest of its bytes."""
        return self._get(Kept[Segment], f"/segments/{quoted(file)}")

    def register_segment(self, segment: Segment) -> Kept[Segment]:
        """Enter a file of decisions into the ledger."""
        return self._make(Kept[Segment], "/segments", segment=segment)

    def list_decisions(self, system: str, day: str, *, after: str = "", limit: int = 50) -> DecidedPage:
        """The decisions of a system and UTC day (YYYY-MM-DD), the latest first."""
        return self._get(DecidedPage, "/decisions", system=system, day=day, after=after, limit=limit)

    def show_decision(self, id: str) -> Explained:
        """One decision with all that is known of it."""
        return self._get(Explained, f"/decisions/{quoted(id)}")

    def show_decision_proof(self, id: str) -> bytes:
        """The proof of one decision: a file that `holdfast verify` checks."""
        return self._raw(f"/decisions/{quoted(id)}/proof")

    def compare_releases(self, system: str, day: str) -> Comparison:
        """What each release decided of a system's cases on a UTC day (YYYY-MM-DD)."""
        return self._get(Comparison, "/comparisons", system=system, day=day)

    def read_personal(self, id: str, *, reason: str) -> Opened:
        """The personal fields of a decision. That they were read is an act, with its reason."""
        return self._make(Opened, f"/decisions/{quoted(id)}/personal", reason=reason)

    def label_decisions(self, labels: tuple[Label, ...]) -> Labelled:
        """Say what decisions turned out to be. The same again changes nothing; a different one corrects."""
        return self._make(Labelled, "/labels", labels=labels)

    def list_retention(self, **filters: Any) -> Page[Retention]:
        """How long decisions are kept, by system."""
        return self._get(Page[Retention], "/retention", **filters)

    def set_retention(self, system: str, days: int, *, because: str = "") -> Kept[Retention]:
        """Say how long decisions of a system are kept."""
        return self._make(Kept[Retention], f"/retention/{quoted(system)}", method="PUT", days=days, because=because)

    def list_due(self, system: str, *, after: str = "", limit: int = 50) -> DuePage:
        """Segments of a system whose time is over, and what keeps them."""
        return self._get(DuePage, f"/retention/{quoted(system)}/due", after=after, limit=limit)

    def remove_segment(self, file: str) -> Kept[Removal]:
        """Note that a segment goes at the end of its time; delete its file after this."""
        return self._make(Kept[Removal], f"/segments/{quoted(file)}/remove")

    def list_removals(self, **filters: Any) -> Page[Removal]:
        """Segments that went; `about` is the digest of a segment's record."""
        return self._get(Page[Removal], "/removals", **filters)

    def list_holds(self, **filters: Any) -> Page[Hold]:
        """Legal holds; `state` is placed or lifted."""
        return self._get(Page[Hold], "/holds", **filters)

    def place_hold(self, system: str, *, because: str, first: str = "", last: str = "") -> Kept[Hold]:
        """Keep what a system decided from `first` to `last` (days; empty for no end)."""
        return self._make(Kept[Hold], "/holds", system=system, because=because, first=first, last=last)

    def lift_hold(self, key: str, *, reason: str) -> Kept[Hold]:
        """Let retention go on."""
        return self._make(Kept[Hold], f"/holds/{quoted(key)}/lift", reason=reason)
