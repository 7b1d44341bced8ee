"""Acts in words, with the page on which what they did can be seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from holdfast import words
from holdfast.domain.act import Act, ActRow, Verb
from holdfast.domain.approval import Waiver
from holdfast.domain.gate import Request
from holdfast.ports import Store

PHRASES: dict[Verb, str] = {
    Verb.REGISTER_SYSTEM: "registered the system",
    Verb.CHANGE_SYSTEM: "changed the system",
    Verb.RETIRE_SYSTEM: "retired the system",
    Verb.CLASSIFY: "classified",
    Verb.OVERRIDE_TIER: "set the tier by hand of",
    Verb.REGISTER_RELEASE: "registered release",
    Verb.REGISTER_DATASET: "registered the data set",
    Verb.REGISTER_PROMPT: "registered the prompt",
    Verb.FILE_STEP: "filed the recorded step",
    Verb.FILE_SOURCE: "filed the source of",
    Verb.RECORD_EVIDENCE: "filed evidence on",
    Verb.GIVE_VERDICT: "had a verdict recorded on",
    Verb.ASK_GATE: "asked to pass a gate with",
    Verb.WITHDRAW_REQUEST: "withdrew a request on",
    Verb.DEPLOY: "put into production",
    Verb.END_DEPLOYMENT: "took out of production",
    Verb.APPROVE: "said yes for",
    Verb.REFUSE: "said no for",
    Verb.REVOKE_APPROVAL: "took back an answer for",
    Verb.REQUEST_WAIVER: "asked to waive",
    Verb.DELEGATE: "delegated",
    Verb.END_DELEGATION: "ended a delegation of",
    Verb.COMMENT: "commented on",
    Verb.PROPOSE: "proposed a new",
    Verb.ENACT: "enacted a proposed",
    Verb.DROP_PROPOSAL: "dropped a proposed",
    Verb.SET_APPETITE: "put in force the appetite",
    Verb.SET_COMMITTEE: "put in force the committee",
    Verb.SET_PERSON: "set the roles of",
    Verb.RESET_PERSON: "put in force a new link for",
    Verb.ISSUE_TOKEN: "issued the token",
    Verb.REVOKE_TOKEN: "revoked the token",
    Verb.TRIP_BREAKER: "stopped",
    Verb.RESET_BREAKER: "let go on",
    Verb.ISSUE_CREDENTIAL: "issued the credential",
    Verb.REVOKE_CREDENTIAL: "revoked the credential",
    Verb.REGISTER_SEGMENT: "registered decisions of",
    Verb.REMOVE_SEGMENT: "removed at the end of their time decisions of",
    Verb.SET_RETENTION: "set how long to keep decisions of",
    Verb.PLACE_HOLD: "placed a legal hold on decisions of",
    Verb.LIFT_HOLD: "lifted a legal hold on decisions of",
    Verb.READ_PERSONAL: "read personal fields of decision",
    Verb.FILE_REVIEW: "let wait for a person a decision of",
    Verb.DECIDE_REVIEW: "decided a review of",
    Verb.LAPSE_REVIEW: "ended, as its time was over, a review of",
    Verb.FILE_BASELINE: "filed what is usual of",
    Verb.SET_WATCH: "set how to watch",
    Verb.WATCH: "watched",
    Verb.RAISE_ALERT: "raised an alert on",
    Verb.SETTLE_ALERT: "settled an alert on",
    Verb.OPEN_INCIDENT: "opened an incident at",
    Verb.CLOSE_INCIDENT: "closed an incident at",
    Verb.TRUST_SEALER: "trusted the sealer",
    Verb.REVOKE_SEALER: "stopped trusting the sealer",
}

_NAMED_BY = ("version", "measure", "role", "discipline", "system", "name", "about", "kind", "release")
"""What a record is called by, the most telling field first."""

_PERSON = {"person", "reset"}

_DATA: dict[str, Callable[[dict[str, Any]], str]] = {
    "dataset": lambda body: f"{body['name']} {body['version']}",
    "prompt": lambda body: f"{body['name']} {body['version']}",
    "step": lambda body: " ".join(body["provenance"]["command"]),
    "output": lambda body: f"that made {body['path']}",
    "source": lambda body: str(body["source"]["name"]),
}
BY_THEMSELVES = ("segment", "watched")
"""Kinds of record that gateways and watchers make many of, which would leave no room in a history for what people did.
"""

_BOUND = {"approval", "waiver"}
"""Kinds of record that are bound to digests, that of a request or of a waiver first."""


@dataclass(frozen=True, slots=True)
class Told:
    """An act for a reader: who did what to what, when, its place in the ledger, and the page that shows it."""

    act: Act
    phrase: str
    what: str
    link: str
    index: int | None

    @property
    def names_person(self) -> bool:
        """Whether `what` is a person's pseudonym."""
        return self.act.kind in _PERSON


def phrase(verb: Verb) -> str:
    """What an act is in words that stand between who did it and what it was done to."""
    return PHRASES.get(verb, f"did {verb} to")


def tell(store: Store, rows: Sequence[ActRow]) -> list[Told]:
    """The acts of some rows, in words; an answer or a waiver leads to the request that it is about."""
    bodies = [json.loads(row.body) for row in rows]
    about = {body["bound_to"][0] for row, body in zip(rows, bodies, strict=True) if row.act.kind in _BOUND}
    requests = _requests(store, about) if about else {}
    return [_told(row, body, requests) for row, body in zip(rows, bodies, strict=True)]


def _requests(store: Store, digests: set[str]) -> dict[str, str]:
    """The keys of the requests that these are digests of, or of waivers for."""
    waivers = store.keys_of(Waiver, digests)
    kept = store.many(Waiver, waivers.values())
    asked = {digest: kept[key].record.bound_to[0] for digest, key in waivers.items()}
    found = store.keys_of(Request, digests | set(asked.values()))
    return found | {digest: found[request] for digest, request in asked.items() if request in found}


def _told(row: ActRow, body: dict[str, Any], requests: dict[str, str]) -> Told:
    link = _link(row.act, body)
    if row.act.kind in _BOUND and body["bound_to"][0] in requests:
        link = f"/requests/{requests[body['bound_to'][0]]}"
    return Told(row.act, phrase(row.act.verb), _what(row.act, body), link, row.index)


def _what(act: Act, body: dict[str, object]) -> str:
    if act.kind in ("system", "person", "reset", "appetite", "committee"):
        return str(body.get("name") or act.key)
    if act.kind == "review":
        return str(body["system"])
    if act.kind == "release":
        return f"{body['version']} of {body['system']}"
    if act.kind in ("evidence", "verdict", "deployment"):
        return f"{body['system']}, release {words.short(str(body['release']))}"
    if act.kind in _DATA:
        return _DATA[act.kind](body)
    if act.kind == "reading":
        return str(body["decision"])
    found = next((str(body[name]) for name in _NAMED_BY if body.get(name)), act.key)
    return "IT" if found == "it" else found


def _link(act: Act, body: dict[str, object]) -> str:
    """Where the record can be seen; empty where it has no page of its own."""
    if act.kind in ("system", "classification", "deployment"):
        return f"/systems/{quote(str(body.get('system') or act.key), safe='')}"
    if act.kind in ("release", "evidence", "verdict"):
        return f"/releases/{body.get('release') or act.key}"
    if act.kind in ("watch", "watched", "baseline"):
        return f"/systems/{quote(str(body['system']), safe='')}/watch"
    if act.kind in ("segment", "retention", "hold", "removal"):
        return f"/systems/{quote(str(body.get('system') or act.key), safe='')}/decisions"
    if act.kind == "reading":
        return f"/decisions/{body['decision']}"
    pages = {
        "request": f"/requests/{act.key}",
        "review": f"/reviews/{act.key}",
        "alert": f"/alerts/{act.key}",
        "incident": f"/incidents/{act.key}",
        "appetite": "/appetite",
        "committee": "/committee",
        "sealer": "/sealers",
        **dict.fromkeys(_DATA, "/data"),
    }
    return pages.get(act.kind, "")
