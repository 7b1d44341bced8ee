"""Sightings as OCSF events, for a SIEM. Source: Open Cybersecurity Schema Framework 1.5.0.

What a guard did and what changed about the gateway are Detection Findings (2004), somebody unknown is an Authentication
(3002), and a call that was refused is an API Activity (6003).
"""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.decision import Ended
from holdfast.domain.ids import Ids
from holdfast.flows.ocsf import (
    ALLOWED,
    BLOCKED,
    DELAYED,
    DENIED,
    DETECTED,
    HIGH,
    INFORMATIONAL,
    LOW,
    MEDIUM,
    VERSION,
    Json,
    classified,
    product,
    resource,
)
from holdfast.gateway.observe.sighting import Sighting, Sort

_FAILURE = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Which gateway saw it, in which environment."""

    gateway: str
    environment: str


class Ocsf:
    """Makes events of sightings; each gets an id of its own."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._ids = Ids()

    def event(self, seen: Sighting) -> Json:
        """One event."""
        make = {Sort.STRANGER: _authentication, Sort.REFUSED: _activity}.get(seen.sort, _finding)
        about = {
            "time": int(seen.at * 1000),
            "message": seen.message,
            "metadata": self._metadata(seen),
            "unmapped": {"environment": self._place.environment, "gateway": self._place.gateway, "code": seen.code},
        }
        return about | make(seen)

    def _metadata(self, seen: Sighting) -> Json:
        profiles = ["security_control"] if seen.sort is Sort.GUARD else []
        told: Json = {
            "version": VERSION,
            "product": product("gateway"),
            "uid": self._ids.next(),
            "event_code": seen.code,
        }
        if seen.trace:
            told["correlation_uid"] = seen.trace
        return told | ({"profiles": profiles} if profiles else {})


def _finding(seen: Sighting) -> Json:
    """A guard that acted, or a state of the gateway: made when it begins, closed when it is over."""
    is_state = seen.sort is Sort.STATE
    severity = INFORMATIONAL if seen.is_over else HIGH if is_state else MEDIUM if _is_kept_back(seen) else LOW
    uid = seen.decision or f"{seen.code}:{seen.system}"
    found: Json = {"uid": uid, "title": seen.message, "types": [seen.code]}
    if seen.guards:
        found["analytic"] = {"name": seen.guards[0], "type_id": 1, "type": "Rule"}
        found["related_analytics"] = [{"name": name, "type_id": 1, "type": "Rule"} for name in seen.guards[1:]]
    made = classified(2, 4, 3 if seen.is_over else 1, severity) | {"finding_info": found}
    made["status_id"] = 4 if seen.is_over else 1
    made["is_alert"] = not seen.is_over and severity >= MEDIUM
    if seen.system:
        made["resources"] = [resource(seen.system, seen.release)]
    return made if is_state else made | _control(seen) | {"evidences": [{"actor": _actor(seen)}]}


def _is_kept_back(seen: Sighting) -> bool:
    return seen.ended in (Ended.BLOCKED, Ended.FALLBACK, Ended.REVIEW)


def _control(seen: Sighting) -> Json:
    """What the security control did (profile `security_control`)."""
    if seen.ended == Ended.REVIEW:
        return {"action_id": DENIED, "disposition_id": DELAYED}
    if _is_kept_back(seen):
        return {"action_id": DENIED, "disposition_id": BLOCKED}
    return {"action_id": ALLOWED, "disposition_id": DETECTED}


def _authentication(seen: Sighting) -> Json:
    made = classified(3, 2, 1, LOW) | {"status_id": _FAILURE, "status_code": seen.code, "is_remote": True}
    made["user"] = {"name": "unknown", "type_id": 0}
    made["service"] = {"name": "holdfast gateway"}
    return made | _endpoint(seen)


def _activity(seen: Sighting) -> Json:
    method = seen.path.partition(" ")[0]
    activity = {"POST": 1, "GET": 2}.get(method, 99)
    made = classified(6, 3, activity, LOW) | {"status_id": _FAILURE, "status_code": seen.code}
    if activity == 99:
        made["activity_name"] = method or "unknown"
    made["actor"] = _actor(seen)
    made["api"] = {"operation": seen.path, "response": {"code": seen.status, "error": seen.code}}
    if seen.system:
        made["resources"] = [resource(seen.system, seen.release)]
    return made | _endpoint(seen)


def _actor(seen: Sighting) -> Json:
    return {"user": {"uid": seen.principal or "unknown", "type_id": 3, "type": "System"}}


def _endpoint(seen: Sighting) -> Json:
    return {"src_endpoint": {"ip": seen.source} if seen.source else {"name": "unknown"}}
