"""Alerts, breakers and incidents reach a SIEM as valid OCSF, in order, and what it missed it hears later."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from holdfast.domain.act import Draft, Verb
from holdfast.domain.alert import Alert, Incident, Seen, Settled, Standing
from holdfast.domain.clearance import Breaker
from holdfast.domain.errors import FixInput
from holdfast.domain.watch import Consequence
from holdfast.flows.carriers import FileCarrier, HttpCarrier, Refused, SyslogCarrier, carrier_to
from holdfast.flows.ocsf import CRITICAL, HIGH, INFORMATIONAL, VERSION
from holdfast.flows.security_events import KEY, SecurityEvents
from holdfast.flows.sequence import sequence
from holdfast.storage.places import SqlPlaces
from holdfast.wiring import open_platform

SCHEMAS = OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION))
RELEASE = "sha256:" + "a" * 64
ALERT = Alert(
    "Loans", RELEASE, "drift.place", "feature income", Seen.CHANGED, "Where values lie changed by +0.2.", "data",
    "2026-11-20", "2026-11-22", Consequence.RELEASE, "sha256:" + "b" * 64, "2026-11-23T02:00:00Z", value=0.2,
    error=0.05, evalue=7.1, group="k0",
)  # fmt: skip
SETTLED = replace(ALERT, standing=Standing.SETTLED, settled=Settled.MENDED, person="p1", reason="The feed is mended.")
TRIPPED = Breaker("Loans", ALERT.what, "platform", ALERT.at, RELEASE)
INCIDENT = Incident("Loans", RELEASE, ALERT.what, ("k1",), ALERT.at, breaker=f"Loans:{RELEASE}")
STEPS = (
    (Verb.RAISE_ALERT, "k1", ALERT, 0),
    (Verb.TRIP_BREAKER, f"Loans:{RELEASE}", TRIPPED, 0),
    (Verb.OPEN_INCIDENT, "incident-k1", INCIDENT, 0),
    (Verb.RAISE_ALERT, "k2", replace(ALERT, kind=Seen.BEYOND, limit=0.1, evalue=None, group="k2"), 0),
    (Verb.SETTLE_ALERT, "k1", SETTLED, 1),
    (Verb.RESET_BREAKER, f"Loans:{RELEASE}", replace(TRIPPED, is_tripped=False, reason="Mended."), 1),
    (Verb.CLOSE_INCIDENT, "incident-k1", replace(INCIDENT, closed_at=ALERT.at, person="p1", reason="Mended."), 1),
    (Verb.RAISE_ALERT, "k3", replace(ALERT, consequence=Consequence.SYSTEM), 0),
    (Verb.RAISE_ALERT, "k4", replace(ALERT, consequence=Consequence.NOTE, scope="", measure="misuse.x"), 0),
)


def happen(office, steps):
    desk = office.desk
    for number, (verb, key, record, base) in enumerate(steps):
        desk.store.commit(
            [Draft(verb, key, record, base)], actor="platform", at=desk.at, id=f"{verb} {key[:20]} {number}"
        )
    sequence(desk.store, desk.ledger)


class Siem:
    """Takes events unless it is away, and never one with a code in `refuses`."""

    def __init__(self):
        self.got, self.is_away, self.refuses = [], False, ""

    def deliver(self, events):
        if self.is_away:
            raise OSError("away")
        told = [json.loads(event) for event in events]
        if any(event["metadata"]["event_code"] == self.refuses for event in told):
            raise Refused("no")
        self.got += told


def telling(office, siem, **more):
    desk = office.desk
    return SecurityEvents(desk.store, desk.ledger, SqlPlaces(desk.store), siem, **more)


def test_every_event_is_valid_ocsf_and_says_what_it_was(office):
    siem = Siem()
    events = telling(office, siem)
    events.deliver()
    happen(office, STEPS)
    assert events.deliver() == len(STEPS)
    for event in siem.got:
        name = SCHEMAS.lookup_class_name_from_uid(event["class_uid"])
        schema = SCHEMAS.get_class_schema(name, event["metadata"].get("profiles", []))
        assert [error.message for error in Draft202012Validator(schema).iter_errors(event)] == []
        assert Draft202012Validator(schema).is_valid({**event, "severity_id": "grave"}) is False
    assert [event["metadata"]["event_code"] for event in siem.got] == [verb.value for verb, *_ in STEPS]
    assert [event["activity_id"] for event in siem.got] == [1, 1, 1, 1, 3, 3, 3, 1, 1]
    assert [siem.got[place]["severity_id"] for place in (0, 4, 7, 8)] == [HIGH, INFORMATIONAL, CRITICAL, INFORMATIONAL]
    first, tripped, incident = siem.got[:3]
    assert first["finding_info"]["uid"] == siem.got[4]["finding_info"]["uid"] == "k1"
    assert (tripped["action_id"], siem.got[5]["action_id"]) == (2, 1)
    assert [one["uid"] for one in incident["finding_info_list"]] == ["k1"]
    assert first["unmapped"]["ledger_index"] < tripped["unmapped"]["ledger_index"]
    assert (first["unmapped"]["value"], siem.got[3]["unmapped"]["limit"]) == (0.2, 0.1)


def test_what_a_siem_missed_it_hears_later_in_order_and_once(office):
    siem = Siem()
    happen(office, STEPS[:1])
    telling(office, siem).deliver()
    assert siem.got == [], "it begins with what happens from then on"
    happen(office, [(verb, f"late-{key}", record, base) for verb, key, record, base in STEPS[:3]])
    siem.is_away = True
    with pytest.raises(OSError, match="away"):
        telling(office, siem).deliver()
    siem.is_away, siem.refuses = False, "breaker.trip"
    assert telling(office, siem).deliver() == 2, "one that is refused for good holds up no other"
    assert telling(office, siem).deliver() == 0
    uids = [event["metadata"]["uid"] for event in siem.got]
    assert len(set(uids)) == 2
    places = SqlPlaces(office.desk.store)
    places.put(KEY, places.get(KEY).replace(b'"refused":1', b'"refused":0'))
    with telling(office, Siem(), every=0.01) as events:
        happen(office, [(Verb.RAISE_ALERT, "thread", ALERT, 0)])
        siem = events._carrier
        deadline = threading.Event()
        for _ in range(500):
            if siem.got or deadline.wait(0.01):
                break
    assert [event["unmapped"]["key"] for event in siem.got] == ["thread"]


def test_places_by_their_address(tmp_path):
    assert isinstance(carrier_to(str(tmp_path / "e.jsonl")), FileCarrier)
    assert isinstance(carrier_to("https://siem.test/in", "Splunk x"), HttpCarrier)
    for wrong in ("syslog+tcp://host", "syslog+udp://h:1", "https://u:p@h/x", "syslog+tls://h:x", "s3://bucket/x"):
        with pytest.raises(FixInput):
            carrier_to(wrong)
    got, done = [], threading.Event()

    class Receiver(socketserver.StreamRequestHandler):
        def handle(self):
            got.append(self.rfile.read())
            done.set()

    with socketserver.TCPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        carrier = carrier_to(f"syslog+tcp://127.0.0.1:{server.server_address[1]}")
        assert isinstance(carrier, SyslogCarrier)
        carrier.deliver([b'{"a":1}', b'{"b":"\xc3\xa4 x"}'])
        assert done.wait(5)
    rest, messages = got[0], []
    while rest:
        length, _, rest = rest.partition(b" ")
        messages.append(rest[: int(length)])
        rest = rest[int(length) :]
    assert [json.loads(message[message.index(b"{") :]) for message in messages] == [{"a": 1}, {"b": "ä x"}]
    assert all(message.startswith(b"<108>1 2") for message in messages)


@pytest.mark.one_database
def test_a_control_plane_tells_whoever_its_settings_name(tmp_path, monkeypatch):
    monkeypatch.setenv("HOLDFAST_EVENTS", str(tmp_path / "out" / "events.jsonl"))
    monkeypatch.setenv("HOLDFAST_RELEASES", str(tmp_path))
    with open_platform(tmp_path, database="", url="http://h.test") as platform:
        desk, place = platform.desk, tmp_path / "out" / "events.jsonl"
        assert platform.room.shelf is not None
        eventually(lambda: SqlPlaces(desk.store).get(KEY) is not None)
        desk.store.commit([Draft(Verb.RAISE_ALERT, "k1", ALERT, 0)], actor="platform", at=desk.at, id="raised")
        desk.committed()
        eventually(place.exists)
    (event,) = map(json.loads, place.read_text().splitlines())
    assert (event["class_uid"], event["unmapped"]["key"]) == (2004, "k1")


def eventually(what):
    deadline = time.monotonic() + 10
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert what()
