"""Who decides: requests to pass a gate, answers, waivers, delegations, and what runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from holdfast.client.transport import Transport, segment
from holdfast.domain.act import Kept, Page
from holdfast.domain.approval import Approval, Delegation, Discipline, Waiver
from holdfast.domain.gate import Admission, Gate, Request
from holdfast.domain.release import Deployment
from holdfast.domain.view import Asked


class Decisions(Transport):
    """Gates, and people's word on them."""

    def list_requests(self, **filters: Any) -> Page[Request]:
        """Requests; `about` is the digest of a release, `state` open or withdrawn."""
        return self._get(Page[Request], "/requests", **filters)

    def ask_gate(
        self,
        gate: Gate,
        system: str,
        *,
        reason: str,
        release: str = "",
        environment: str = "",
        datasets: tuple[str, ...] = (),
    ) -> Kept[Request]:
        """Ask to pass a gate; `datasets` are digests. What the gate says is shown with the request."""
        said: dict[str, Any] = {"gate": gate, "system": system, "reason": reason, "datasets": datasets}
        return self._make(Kept[Request], "/requests", release=release, environment=environment, **said)

    def show_request(self, key: str) -> Asked:
        """A request: what the gate says now and why, and whose answer is missing."""
        return self._get(Asked, _request(key))

    def withdraw_request(self, key: str) -> Kept[Request]:
        """Take one's own request back."""
        return self._make(Kept[Request], f"{_request(key)}/withdraw")

    def list_approvals(self, **filters: Any) -> Page[Approval]:
        """Answers; `about` is the digest that they are bound to first, `state` yes or no."""
        return self._get(Page[Approval], "/approvals", **filters)

    def request_approvals(self, key: str, **filters: Any) -> Page[Approval]:
        """The answers to a request, whether they still count or not."""
        return self._get(Page[Approval], f"{_request(key)}/approvals", **filters)

    def answer_request(self, key: str, discipline: Discipline, *, reason: str, yes: bool = True) -> Kept[Approval]:
        """Answer a request in a discipline; `yes` is False for dissent."""
        said: dict[str, Any] = {"discipline": discipline, "reason": reason, "yes": yes}
        return self._make(Kept[Approval], f"{_request(key)}/approvals", **said)

    def revoke_approval(self, key: str) -> Kept[Approval]:
        """Take one's own answer back."""
        return self._make(Kept[Approval], f"/approvals/{segment(key)}/revoke")

    def list_waivers(self, **filters: Any) -> Page[Waiver]:
        """Waivers; `about` is the digest of the request that they were asked for on."""
        return self._get(Page[Waiver], "/waivers", **filters)

    def show_waiver(self, key: str) -> Kept[Waiver]:
        """One waiver."""
        return self._get(Kept[Waiver], f"/waivers/{segment(key)}")

    def ask_waiver(self, key: str, measure: str, *, reason: str, controls: str, until: datetime) -> Kept[Waiver]:
        """Ask that a breach be accepted until an aware `until`; `controls` keep the harm small meanwhile."""
        said = {"measure": measure, "reason": reason, "controls": controls, "until": until.isoformat()}
        return self._make(Kept[Waiver], f"{_request(key)}/waivers", **said)

    def answer_waiver(
        self, key: str, waiver: str, discipline: Discipline, *, reason: str, yes: bool = True
    ) -> Kept[Approval]:
        """Answer whether a breach may be accepted."""
        said: dict[str, Any] = {"discipline": discipline, "reason": reason, "yes": yes}
        return self._make(Kept[Approval], f"{_request(key)}/waivers/{segment(waiver)}/approvals", **said)

    def list_delegations(self, **filters: Any) -> Page[Delegation]:
        """Who lets whom answer; `about` is who gave it."""
        return self._get(Page[Delegation], "/delegations", **filters)

    def delegate(self, to: str, discipline: Discipline, *, until: datetime, reason: str) -> Kept[Delegation]:
        """Let somebody else answer in one's discipline until an aware `until`."""
        said = {"to": to, "discipline": discipline, "until": until.isoformat(), "reason": reason}
        return self._make(Kept[Delegation], "/delegations", **said)

    def end_delegation(self, key: str) -> Kept[Delegation]:
        """Take one's own delegation back."""
        return self._make(Kept[Delegation], f"/delegations/{segment(key)}/end")

    def list_deployments(self, **filters: Any) -> Page[Deployment]:
        """What runs and what ran; `about` is the digest of a release, `state` running or ended."""
        return self._get(Page[Deployment], "/deployments", **filters)

    def show_deployment(self, key: str) -> Kept[Deployment]:
        """One deployment."""
        return self._get(Kept[Deployment], f"/deployments/{segment(key)}")

    def deployment_history(self, key: str) -> tuple[Kept[Deployment], ...]:
        """Its start, and its end if it came."""
        return self._get(tuple[Kept[Deployment], ...], f"/deployments/{segment(key)}/history")

    def start_deployment(self, request: str) -> Kept[Deployment]:
        """Put what passed its gate into production, by the key of the request."""
        return self._make(Kept[Deployment], "/deployments", request=request)

    def end_deployment(self, key: str, *, reason: str) -> Kept[Deployment]:
        """Take a release out of production."""
        return self._make(Kept[Deployment], f"/deployments/{segment(key)}/end", reason=reason)

    def show_admission(self, digest: str, environment: str) -> Admission:
        """Whether a digest may run in an environment now, and why."""
        return self._get(Admission, "/admission", digest=digest, environment=environment)


def _request(key: str) -> str:
    return f"/requests/{segment(key)}"
