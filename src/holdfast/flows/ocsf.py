"""Events in the Open Cybersecurity Schema Framework 1.5.0: what all of them have, and those of the control plane.

An alert is a Detection Finding (2004), made when it is raised and closed when somebody settles it. So is a breaker: it
denies. An incident is an Incident Finding (2005). No content, no secret, nobody's name: keys of records, pseudonyms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from holdfast import canonical
from holdfast.domain.act import Act, Verb
from holdfast.domain.alert import Alert, Incident
from holdfast.domain.clearance import Breaker
from holdfast.domain.verdict import parse_time
from holdfast.domain.watch import Consequence
from holdfast.version import __version__

VERSION = "1.5.0"
Json = dict[str, Any]

INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL = 1, 2, 3, 4, 5
SEVERITY_NAMES = {
    INFORMATIONAL: "Informational", LOW: "Low", MEDIUM: "Medium", HIGH: "High", CRITICAL: "Critical",
}  # fmt: skip
DENIED, ALLOWED = 2, 1
BLOCKED, DETECTED, DELAYED = 2, 15, 14

_MADE, _CLOSED = 1, 3
_NEW, _RESOLVED = 1, 4
_INCIDENT_CLOSED = 5
_STATISTICAL = 3

_SEVERITY = {
    Consequence.NOTE: INFORMATIONAL,
    Consequence.ALERT: MEDIUM,
    Consequence.RELEASE: HIGH,
    Consequence.SYSTEM: CRITICAL,
}


def classified(category: int, event: int, activity: int, severity: int) -> Json:
    """Which class of event it is, what was done, and how grave that is."""
    uid = 1000 * category + event
    return {
        "category_uid": category,
        "class_uid": uid,
        "activity_id": activity,
        "type_uid": 100 * uid + activity,
        "severity_id": severity,
        "severity": SEVERITY_NAMES[severity],
    }


def product(feature: str) -> Json:
    """Which part of what program tells it."""
    return {"name": "Holdfast", "vendor_name": "Holdfast", "version": __version__, "feature": {"name": feature}}


def resource(system: str, release: str) -> Json:
    """An AI system, and the release of it."""
    return {"name": system, "type": "AI system"} | ({"uid": release} if release else {})


def event_of(act: Act, record: object, index: int) -> Json | None:
    """The event of an act on a `record` as it stood after it; None for acts that are none.

    The same act has the same `metadata.uid` always, by which receivers tell a repeated event.
    """
    make = _MAKERS.get(act.verb)
    if make is None:
        return None
    made = make(act, record)
    told = {"version": VERSION, "product": product("control plane"), "uid": canonical.digest(act)[7:39]}
    told |= {"event_code": act.verb.value} | ({"profiles": ["security_control"]} if "action_id" in made else {})
    unmapped = {"key": act.key, "ledger_index": index, "actor": act.actor, **made.pop("unmapped", {})}
    return {"time": _millis(act.at), "metadata": told, "unmapped": unmapped, **made}


def _alert(act: Act, alert: Alert) -> Json:
    is_over = not alert.is_open
    severity = INFORMATIONAL if is_over else _SEVERITY[alert.consequence]
    made = classified(2, 4, _CLOSED if is_over else _MADE, severity)
    analytic: Json = {"name": alert.measure, "type_id": _STATISTICAL, "type": "Statistical"}
    finding = {"uid": act.key, "title": alert.what, "types": [alert.measure], "analytic": analytic}
    said: Json = {name: value for name in ("owner", "since", "seen", "scope", "group", "reason")
                  if (value := getattr(alert, name))}  # fmt: skip
    said |= {name: value for name in ("value", "error", "limit") if (value := getattr(alert, name)) is not None}
    said |= {"log_evidence": alert.evalue} if alert.evalue is not None else {}
    said |= {"settled": alert.settled.value} if alert.settled else {}
    return made | {
        "message": alert.what,
        "status_id": _RESOLVED if is_over else _NEW,
        "is_alert": not is_over and severity >= MEDIUM,
        "finding_info": finding,
        "resources": [resource(alert.system, alert.release)],
        "unmapped": {**said, "kind": alert.kind.value, "consequence": alert.consequence.value},
    }


def _breaker(act: Act, breaker: Breaker) -> Json:
    is_over = not breaker.is_tripped
    made = classified(2, 4, _CLOSED if is_over else _MADE, INFORMATIONAL if is_over else HIGH)
    what = f"The breaker of {act.key:.120} {'was reset' if is_over else 'tripped'}: {breaker.reason}"
    return made | {
        "message": what,
        "status_id": _RESOLVED if is_over else _NEW,
        "is_alert": not is_over,
        "finding_info": {"uid": f"breaker:{act.key}", "title": what, "types": ["breaker"]},
        "resources": [resource(breaker.system, breaker.release)],
        "action_id": ALLOWED if is_over else DENIED,
        "disposition_id": DETECTED if is_over else BLOCKED,
    }


def _incident(act: Act, incident: Incident) -> Json:
    is_over = not incident.is_open
    made = classified(2, 5, _CLOSED if is_over else _MADE, INFORMATIONAL if is_over else HIGH)
    findings = [{"uid": key, "title": incident.title, "types": ["alert"]} for key in incident.alerts]
    said = {"release": incident.release, "system": incident.system, "incident": act.key}
    said |= {"breaker": incident.breaker} if incident.breaker else {}
    said |= {"reason": incident.reason} if incident.reason else {}
    return made | {
        "message": incident.title,
        "desc": incident.title,
        "status_id": _INCIDENT_CLOSED if is_over else _NEW,
        "assignee_group": {"name": f"owners of {incident.system}"},
        "start_time": _millis(incident.opened_at),
        "finding_info_list": findings or [{"uid": act.key, "title": incident.title}],
        "unmapped": said,
    }


def _millis(at: str) -> int:
    return int(parse_time(at).timestamp() * 1000)


_MAKERS: dict[Verb, Callable[[Act, Any], Json]] = {
    Verb.RAISE_ALERT: _alert,
    Verb.SETTLE_ALERT: _alert,
    Verb.TRIP_BREAKER: _breaker,
    Verb.RESET_BREAKER: _breaker,
    Verb.OPEN_INCIDENT: _incident,
    Verb.CLOSE_INCIDENT: _incident,
}
