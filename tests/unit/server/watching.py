"""A release whose decisions are watched, with an alert and an incident, for tests of routes and pages."""

from __future__ import annotations

from tests.unit.flows.journey import SYSTEM
from tests.unit.flows.watching import baseline_for, post_of

from holdfast import canonical
from holdfast.domain.act import Draft, Verb
from holdfast.domain.alert import Alert, Incident, Seen
from holdfast.domain.look import Line, Look
from holdfast.domain.rounds import Round
from holdfast.domain.watch import Consequence, Span
from holdfast.flows.file_baseline import file_baseline
from holdfast.flows.mail import Mailer, Office
from holdfast.flows.watcher import ROUND, Watcher
from holdfast.ledger.envelope import seal
from holdfast.storage.places import SqlPlaces

STARTS = tuple(f"2026-11-{day:02}" for day in range(1, 25))
ABOUT = (("feature", "income"),)


def watcher_of(office, accounts, folder) -> Watcher:
    mailer = Mailer(office.desk, accounts, SqlPlaces(office.desk.store), Office("", "h@h.test", "http://h.test"))
    return Watcher(office.desk, post_of(office, folder), mailer, SqlPlaces(office.desk.store))


def baseline(office, release: str) -> tuple[str, str]:
    """What is usual of a release, sealed, and the key that sealed it."""
    signer = office.desk.signer
    return seal(baseline_for(release), signer).decode(), signer.public_bytes().hex()


def seen(office, folder, release: str) -> tuple[str, str]:
    """A look at a release in which income changed; the keys of the alert and the incident."""
    desk = office.desk
    envelope, sealer = baseline(office, release)
    filed = file_baseline(desk, office.caller("developer"), envelope.encode(), sealer).record
    values = tuple(0.01 * (n % 3) + (0.4 if n >= 20 else 0.0) for n in range(len(STARTS)))
    line = Line(
        "drift.features", "drift.location", ABOUT, values, (300,) * 24, (0.0,) * 23 + (5.2,), since=20, alarm=23
    )
    look = Look(
        SYSTEM.name, release, Span.DAY, STARTS, (300,) * 24, (0,) * 24, 0, 14, 14, (line,), (), (), (), (),
        filed.digest, desk.at,
    )  # fmt: skip
    batches = post_of(office, folder).batches
    batches.begin(release, "counted so")
    batches.keep_look(release, canonical.encode(look))
    what = "Where values lie (feature income) changed by +0.4 since 2026-11-21."
    alert = Alert(
        SYSTEM.name, release, "drift.location", "feature income", Seen.CHANGED, what, "data", STARTS[20], STARTS[-1],
        Consequence.ALERT, filed.digest, desk.at, value=0.4, error=0.05, evalue=5.2,
    )  # fmt: skip
    incident = Incident(SYSTEM.name, release, what, (), desk.at)
    drafts = [Draft(Verb.RAISE_ALERT, "a1", alert), Draft(Verb.OPEN_INCIDENT, "incident-a1", incident)]
    desk.store.commit(drafts, actor="platform", at=desk.at, id="seen")
    SqlPlaces(desk.store).put(ROUND, canonical.encode(Round(desk.at, 1, 1)))
    return "a1", "incident-a1"
