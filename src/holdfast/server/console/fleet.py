"""The fleet: everything that runs, how its decisions go, and what nobody watches."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert
from holdfast.domain.look import Look
from holdfast.domain.release import Deployment, Release
from holdfast.domain.watch import FiledBaseline
from holdfast.reports import look_reading
from holdfast.reports.look_reading import State
from holdfast.server.api.paging import Listed
from holdfast.server.console import look_shown
from holdfast.server.console.look_shown import Row
from holdfast.server.console.pages import Visit, Visitor
from holdfast.server.console.tables import As, export, link
from holdfast.server.console.watching import last_look, words_of_looks

router = APIRouter(prefix="/watch")
MOST = 25
COLUMNS = ("system", "environment", "release", "version", "state", "sentence", "latest_batch", "decisions", "alerts")
UNWATCHED = "unwatched"


@dataclass(frozen=True, slots=True)
class Craft:
    """One release that runs: what watching it last showed, its loudest line, and how many of its alerts are open."""

    kept: Kept[Deployment]
    version: str
    look: Look | None
    loudest: Row | None
    alerts: int
    sentence: str
    late: str

    @property
    def state(self) -> str:
        """A `State`; `UNWATCHED` where nobody ever looked."""
        return UNWATCHED if self.look is None else look_reading.state_of_all(self.look).value


@router.get("")
def show_fleet(visit: Visitor, listing: Listed, as_: As = "") -> Response:
    """What runs, a page at a time; on it the loudest first."""
    store = visit.desk.store
    wanted = {**listing.arguments, "state": "running", "limit": min(listing.limit, MOST)}
    page = store.list(Deployment, **wanted)
    fleet = _crafts(visit, page.items)
    if as_:
        return export("fleet", as_, COLUMNS, [_exported(one) for one in fleet])
    watcher = visit.platform.watcher
    return visit.page(
        "watching_fleet.html",
        fleet=fleet,
        loud=sum(one.state in (State.BEYOND, State.CHANGED) for one in fleet),
        quiet=all(one.state == State.QUIET and not one.late for one in fleet),
        unwatched=sum(one.look is None for one in fleet),
        total=store.count(Deployment, state="running"),
        open_alerts=store.count(Alert, state="open"),
        listing=listing,
        after=page.after,
        nobody=watcher is None,
        round=watcher.round() if watcher is not None else None,
        link=lambda **changes: link(visit.request, **changes),
        **words_of_looks(),
    )


def _crafts(visit: Visit, running: tuple[Kept[Deployment], ...]) -> list[Craft]:
    store, digests = visit.desk.store, {kept.record.release for kept in running}
    releases, filed = store.many(Release, digests), store.many(FiledBaseline, digests)
    alerts = store.gather(Alert, "about", digests, state="open")
    looks = {digest: last_look(visit, digest) for digest in digests}
    found = []
    for kept in running:
        digest = kept.record.release
        look = looks[digest]
        rows = look_shown.rows_of(look, visit.platform.measures)[:1] if look else []
        said = look_reading.sentence(look) if look else _unwatched(visit, is_filed=digest in filed)
        version = releases[digest].record.version if digest in releases else ""
        late = look_shown.late(look, visit.desk.now) if look else ""
        found.append(Craft(kept, version, look, rows[0] if rows else None, len(alerts[digest]), said, late))
    return sorted(found, key=_loudness)


def _loudness(craft: Craft) -> int:
    order = [State.BEYOND, State.CHANGED, State.PARTLY, UNWATCHED, State.LEARNING, State.QUIET]
    return order.index(craft.state)


def _unwatched(visit: Visit, *, is_filed: bool) -> str:
    if visit.platform.watcher is None:
        return "This control plane watches no decisions."
    return "Nobody looked yet." if is_filed else "Nobody filed what is usual of it."


def _exported(craft: Craft) -> list[object]:
    look, deployed = craft.look, craft.kept.record
    latest = look.starts[-1] if look and look.starts else ""
    decisions = look.rows[-1] if look and look.rows else ""
    about = [deployed.system, deployed.environment, deployed.release, craft.version]
    return [*about, craft.state, craft.sentence, latest, decisions, craft.alerts]
