"""Events for a SIEM: valid OCSF, delivered beside everything else, bounded, and honest about what was dropped."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

from holdfast.domain.errors import FixInput
from holdfast.flows.carriers import FileCarrier, HttpCarrier
from holdfast.flows.ocsf import VERSION
from holdfast.gateway.observe.ocsf import Ocsf, Place
from holdfast.gateway.observe.outbox import Outbox
from holdfast.gateway.observe.sighting import Sighting, Sort
from holdfast.gateway.observe.spool import Spool

ROOT = Path(__file__).parents[3]
OCSF = Ocsf(Place("g1", "production"))
SCHEMAS = OcsfJsonSchemaEmbedded(get_ocsf_schema(VERSION))
ASKED = {"system": "Loans", "principal": "c-1", "source": "127.0.0.1", "path": "POST /loans/invocations"}
SEEN = (
    Sighting(Sort.GUARD, 1.5, "table.range", "table.range acted.", "Loans", "sha256:ab", "c-1", decision="d-1",
             ended="blocked", guards=("table.range", "table.schema"), trace="0af7651916cd43dd8448eb211c80319c"),
    Sighting(Sort.GUARD, 1.5, "a", "a acted.", "Loans", "sha256:ab", ended="answered", guards=("a",)),
    Sighting(Sort.GUARD, 1.5, "a", "a acted.", "Loans", "sha256:ab", ended="review", guards=("a",)),
    Sighting(Sort.STRANGER, 1.5, "gateway.unknown", "This key does not count.", status=401, source="127.0.0.1"),
    Sighting(Sort.STRANGER, 1.5, "gateway.nobody", "Nobody says who asks.", status=401),
    Sighting(Sort.REFUSED, 1.5, "budget.rate", "That was too much.", status=429, **ASKED),
    Sighting(Sort.REFUSED, 1.5, "gateway.not-released", "No.", status=403, path="PUT /x"),
    Sighting(Sort.STATE, 1.5, "clearance.stale", "The control plane has been silent for too long."),
    Sighting(Sort.STATE, 1.5, "upstream.resting", "An upstream is well again.", "Loans", is_over=True),
)  # fmt: skip


@pytest.mark.parametrize("seen", SEEN, ids=lambda seen: f"{seen.sort}-{seen.code}")
def test_every_event_is_valid_ocsf(seen):
    event = OCSF.event(seen)
    name = SCHEMAS.lookup_class_name_from_uid(event["class_uid"])
    schema = SCHEMAS.get_class_schema(name, event["metadata"].get("profiles", []))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(event)] == []
    assert event["type_uid"] == 100 * event["class_uid"] + event["activity_id"]
    assert Draft202012Validator(schema).is_valid({**event, "severity_id": "grave"}) is False


class Slow:
    """Takes events only while `open` is set."""

    def __init__(self):
        self.open, self.events = threading.Event(), []

    def deliver(self, events):
        if not self.open.is_set():
            raise OSError("away")
        self.events += map(json.loads, events)


def count(outbox, name):
    return next(family for family in outbox.standing() if family.name == f"holdfast_events_{name}").samples[0][1]


def eventually(what):
    deadline = time.monotonic() + 10
    while not what() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert what()


def test_nobody_waits_for_a_siem_that_is_away_and_it_hears_how_much_it_missed(tmp_path):
    slow = Slow()
    with Outbox(Spool(tmp_path / "e.db", 300), slow, OCSF.event) as outbox:
        begin = time.perf_counter()
        for _ in range(1_000):
            outbox.add(SEEN[3])
        assert time.perf_counter() - begin < 0.5
        eventually(lambda: count(outbox, "dropped") == 700)
        slow.open.set()
        eventually(lambda: len(slow.events) > 300)
    assert len([event for event in slow.events if event["class_uid"] == 3002]) == 300
    told = [event["message"] for event in slow.events if event["metadata"]["event_code"] == "events.dropped"]
    assert sum(int(message.split()[0]) for message in told) == 700
    assert count(outbox, "waiting") == 0


CRASH = """
import os, sys, time
from pathlib import Path
from tests.unit.gateway.test_events import OCSF, SEEN, Slow
from holdfast.gateway.observe.outbox import Outbox
from holdfast.gateway.observe.spool import Spool

spool = Spool(Path(sys.argv[1]), 100)
outbox = Outbox(spool, Slow(), OCSF.event).__enter__()
for _ in range(20):
    outbox.add(SEEN[0])
while spool.waiting < 20:
    time.sleep(0.01)
os.kill(os.getpid(), 9)
"""


def test_what_a_killed_gateway_did_not_deliver_is_delivered_by_the_next_in_order(tmp_path):
    killed = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path / "e.db")], check=False, cwd=ROOT)
    assert killed.returncode == -9
    slow = Slow()
    slow.open.set()
    with Outbox(Spool(tmp_path / "e.db", 100), slow, OCSF.event) as outbox:
        outbox.add(SEEN[3])
        eventually(lambda: len(slow.events) == 21)
    uids = [event["metadata"]["uid"] for event in slow.events]
    assert sorted(set(uids)) == uids
    (tmp_path / "e.db").write_bytes(b"no database" * 1_000)
    with pytest.raises(FixInput, match="cannot be used"):
        Spool(tmp_path / "e.db", 100)


class Siem(http.server.BaseHTTPRequestHandler):
    """Fails once, then takes everything but events of one code."""

    got: list[tuple[str, list[dict]]] = []
    fails = True

    def do_POST(self):
        events = json.loads(self.rfile.read(int(self.headers["content-length"])))
        bad = any(event["metadata"]["event_code"] == "budget.rate" for event in events)
        status = 503 if Siem.fails else 400 if bad else 200
        Siem.fails = False
        if status == 200:
            self.got.append((self.headers["authorization"], events))
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *words):
        pass


def test_an_endpoint_that_fails_is_asked_again_and_one_bad_event_holds_up_no_other(tmp_path):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Siem) as siem:
        threading.Thread(target=siem.serve_forever, daemon=True).start()
        carrier = HttpCarrier(f"http://127.0.0.1:{siem.server_port}/in", {"authorization": "Bearer s"})
        with Outbox(Spool(tmp_path / "e.db", 100), carrier, OCSF.event) as outbox:
            for seen in SEEN:
                outbox.add(seen)
            eventually(lambda: count(outbox, "sent") + count(outbox, "refused") == len(SEEN))
        siem.shutdown()
    assert {key for key, _ in Siem.got} == {"Bearer s"}
    taken = [event["metadata"]["event_code"] for _, events in Siem.got for event in events]
    assert taken == [seen.code for seen in SEEN if seen.code != "budget.rate"]
    assert count(outbox, "refused") == 1


def test_a_file_may_be_moved_away(tmp_path):
    carrier = FileCarrier(tmp_path / "events" / "e.jsonl")
    for name in ("1", "2"):
        carrier.deliver([b'{"n": "%s"}' % name.encode()])
        (tmp_path / "events" / "e.jsonl").rename(tmp_path / name)
    assert json.loads((tmp_path / "2").read_text()) == {"n": "2"}
