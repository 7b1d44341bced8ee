"""Home: what waits for me, what is breached, what goes stale soon, what happened; and the first steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.alert import Alert
from holdfast.domain.appetite import Appetite
from holdfast.domain.gate import Committee
from holdfast.domain.kinds import Filed
from holdfast.domain.person import Person, Sealer
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.flows.alert_groups import waiting_alerts
from holdfast.flows.desk import APPETITE, COMMITTEE, Desk
from holdfast.flows.inbox import ageing, breached, count_breached, enactable, waiting
from holdfast.flows.review import awaiting
from holdfast.server.console.acts import BY_THEMSELVES, tell
from holdfast.server.console.margins import tightest
from holdfast.server.console.pages import Visitor

router = APIRouter()
SOON = timedelta(days=21)
MOST = 20
"""Things of a kind that the first page shows; it says how many there are."""


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first things to do: whether it is done, and the page that does it."""

    title: str
    why: str
    link: str
    is_done: bool


@router.get("/")
def home(visit: Visitor) -> Response:
    """The first page."""
    desk, has_appetite = visit.desk, visit.desk.store.find(Appetite, APPETITE) is not None
    lapses = visit.platform.lapses.find(desk)
    asked = [one.opened.request for one in lapses]
    waits = tuple(islice(waiting(desk, visit.caller, lapsed=asked), MOST + 1))
    reviews = awaiting(desk, visit.caller, MOST + 1)
    alerts = waiting_alerts(desk, visit.caller, MOST + 1)
    beyond = breached(desk, MOST)
    stale = ageing(desk, SOON) if has_appetite else ()
    shown = {one.opened.request.record.release for one in waits} | {kept.record.release for kept in beyond}
    shown |= {one.deployment.record.release for one in lapses[:MOST]}
    releases = desk.store.many(Release, shown)
    steps = first_steps(desk)
    return visit.page(
        "home.html",
        steps=steps if not all(step.is_done for step in steps) else (),
        waiting=waits[:MOST],
        more_wait=max(len(waits), len(reviews), len(alerts)) > MOST,
        proposals=enactable(desk, visit.caller),
        reviews=reviews[:MOST],
        alerts=alerts[:MOST],
        open_alerts=desk.store.count(Alert, state="open"),
        breached=beyond,
        breaches=count_breached(desk),
        margins=tightest(desk, visit.platform.measures, MOST),
        lapsed=lapses[:MOST],
        lapses=len(lapses),
        ageing=stale[:MOST],
        stale=len(stale),
        acts=tell(desk.store, desk.store.recent(but=BY_THEMSELVES, limit=12)),
        systems=desk.store.count(System),
        versions={digest: kept.record.version for digest, kept in releases.items()},
    )


def first_steps(desk: Desk) -> tuple[Step, ...]:
    """What an organisation does on its first day, each done or not by what the records say."""
    store = desk.store
    systems = store.list(System, limit=50).items
    first = f"/systems/{quote(systems[-1].key, safe='')}" if systems else "/new-system"
    is_filed = bool(store.list(Filed, limit=1).items)
    owned = any(not kept.record.owners.vacant for kept in systems)
    return (
        Step(
            "Invite colleagues",
            "Owners, developers and approvers: nobody can let a release in alone.",
            "/people/invite",
            store.count(Person, state="active") > 1,
        ),
        Step(
            "Put an appetite in force",
            "The limits that every release is held against. One person proposes, another enacts.",
            "/appetite",
            store.find(Appetite, APPETITE) is not None,
        ),
        Step(
            "Set up the committee",
            "Who must say yes at which gate. A gate without a rule lets nothing through.",
            "/committee",
            store.find(Committee, COMMITTEE) is not None,
        ),
        Step(
            "Trust a sealer",
            "Evidence counts only if a key that you trust has sealed it.",
            "/sealers",
            store.count(Sealer, state="trusted") > 0,
        ),
        Step("Register a system", "One use of AI: what it decides, and about whom.", "/new-system", bool(systems)),
        Step("Name its four owners", "For data, model, deployment and monitoring; a gate asks for all.", first, owned),
        Step(
            "File the first evidence",
            "What `holdfast check` sealed about a release.",
            first,
            is_filed,
        ),
    )
