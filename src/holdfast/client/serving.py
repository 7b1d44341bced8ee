"""What gateways ask of the control plane, and what people do about gateways: clearances, breakers, credentials."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.client.transport import Transport
from holdfast.client.transport import segment as quoted
from holdfast.domain.act import Kept, Page
from holdfast.domain.clearance import Breaker
from holdfast.domain.credential import UNLIMITED, Budget, Credential, Route, Way
from holdfast.domain.decision import Segment
from holdfast.domain.view import LetIn


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
