"""Messages to webhooks: real HTTP, signatures checked by the specification's own library, nothing lost or reordered."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from standardwebhooks.webhooks import Webhook as Receiver
from standardwebhooks.webhooks import WebhookVerificationError

from holdfast.domain.act import Verb
from holdfast.domain.errors import FixInput
from holdfast.domain.person import Comment
from holdfast.domain.system import System
from holdfast.domain.webhook import Webhook
from holdfast.flows.comment import write_comment
from holdfast.flows.courier import Courier, signed
from holdfast.flows.register import register_system
from holdfast.flows.sequence import sequence
from holdfast.flows.webhooks import subscribe, unsubscribe
from holdfast.storage.places import SqlPlaces


class Listener:
    """An address that answers with `status` and keeps what it was told."""

    def __init__(self):
        self.told, self.status = [], 204
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                if outer.status < 300:
                    outer.told.append((dict(self.headers), body))
                self.send_response(outer.status)
                self.send_header("location", "/elsewhere")
                self.end_headers()

            def log_message(self, *words):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/told"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def acts(self):
        return [json.loads(body)["data"]["key"] for _, body in self.told]


@pytest.fixture
def listener():
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def courier(office):
    return open_courier(office)


def open_courier(office):
    desk = office.desk
    return Courier(desk.store, desk.ledger, SqlPlaces(desk.store), b"secret", office.clock, every=0.01)


def subscribed(office, url, *verbs):
    kept = subscribe(office.desk, office.caller("admin"), "test", url, verbs)
    happen(office)
    return kept.key


def happen(office, *names):
    for name in names:
        register_system(office.desk, office.caller("owner"), System(name, purpose="p"))
    sequence(office.desk.store, office.desk.ledger)


def test_acts_are_told_once_in_order_and_from_the_subscription_on(office, courier, listener):
    happen(office, "before")
    subscribed(office, listener.url)
    happen(office, "a", "b")
    assert courier.deliver() == 2
    happen(office, "c")
    courier.deliver()
    courier.deliver()
    assert listener.acts == ["a", "b", "c"]


def test_what_is_not_in_the_ledger_yet_is_not_told(office, courier, listener):
    subscribed(office, listener.url)
    register_system(office.desk, office.caller("owner"), System("a", purpose="p"))
    assert courier.deliver() == 0
    happen(office)
    assert courier.deliver() == 1


def test_a_receiver_knows_that_a_message_is_ours(office, courier, listener):
    office.clock.now = datetime.now(UTC)
    key = subscribed(office, listener.url)
    happen(office, "a")
    courier.deliver()
    ((headers, body),) = listener.told
    said = Receiver(courier.secret_of(key)).verify(body, headers)
    assert (said["type"], said["data"]["kind"]) == ("system.register", "system")
    entry = next(office.desk.ledger.read(said["data"]["index"], said["data"]["index"] + 1))
    assert json.loads(entry)["id"] == said["data"]["id"]
    for secret, changed in ((courier.secret_of("other"), body), (courier.secret_of(key), body.replace(b'"a"', b'"b"'))):
        with pytest.raises(WebhookVerificationError):
            Receiver(secret).verify(changed, headers)


def test_the_signature_is_the_specifications():
    at = datetime(2026, 11, 24, tzinfo=UTC)
    headers = signed("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "sha256:" + "0" * 64, at, b"{}")
    expected = Receiver("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").sign(headers["webhook-id"], at, "{}")
    assert headers["webhook-signature"] == expected


def test_only_the_acts_that_were_asked_for(office, courier, listener):
    subscribed(office, listener.url, Verb.COMMENT)
    happen(office, "a")
    write_comment(office.desk, office.caller("owner"), "system a", "look")
    happen(office)
    courier.deliver()
    assert listener.acts == [office.desk.store.list(Comment).items[0].key]


@pytest.mark.parametrize("status", [500, 404, 302])
def test_an_address_that_fails_is_told_later_and_nothing_is_lost(office, courier, listener, status):
    subscribed(office, listener.url)
    happen(office, "a", "b")
    listener.status = status
    assert courier.deliver() == 0
    listener.status = 204
    assert courier.deliver() == 0, "it was not left in peace for a while"
    office.clock.pass_days(1 / 24)
    assert courier.deliver() == 2
    assert listener.acts == ["a", "b"]


def test_pauses_double_up_to_an_hour(office, courier):
    key = subscribed(office, "http://127.0.0.1:1/")
    happen(office, "a")
    pauses = []
    for _ in range(14):
        courier.deliver()
        place = courier._place(office.desk.store.get(Webhook, key))
        pauses.append(place.not_before - office.clock.now.timestamp())
        office.clock.pass_days(1)
    assert pauses[:3] == [2, 4, 8]
    assert pauses[-1] == 3600


def test_one_that_fails_does_not_hold_up_the_others(office, courier, listener):
    subscribed(office, "http://127.0.0.1:1/")
    subscribed(office, listener.url)
    happen(office, "a")
    courier.deliver()
    assert listener.acts == ["a"]


def test_another_process_goes_on_where_the_first_stopped(office, courier, listener):
    subscribed(office, listener.url)
    happen(office, "a")
    courier.deliver()
    happen(office, "b")
    open_courier(office).deliver()
    assert listener.acts == ["a", "b"]


def test_the_thread_delivers_and_only_one_of_two_does(office, courier, listener):
    subscribed(office, listener.url)
    with courier, open_courier(office):
        happen(office, "a", "b", "c")
        for _ in range(500):
            if len(listener.told) >= 3:
                break
            threading.Event().wait(0.02)
    assert listener.acts == ["a", "b", "c"]


def test_an_ended_webhook_hears_nothing_more(office, courier, listener):
    key = subscribed(office, listener.url)
    unsubscribe(office.desk, office.caller("admin"), key)
    happen(office, "a")
    assert courier.deliver() == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org",
        "https://",
        "https://a:b@example.org/",
        "x",
        "https://[",
        "https://e.org/\n",
    ],
)
def test_an_address_must_be_safe_to_tell(office, url):
    with pytest.raises(FixInput):
        subscribe(office.desk, office.caller("admin"), "test", url)
