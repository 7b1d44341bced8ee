"""One system as it is watched: a sentence, a number, pictures, every line, and the record with its proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from holdfast import canonical
from holdfast.domain.act import Kept
from holdfast.domain.alert import Alert
from holdfast.domain.clearance import Breaker
from holdfast.domain.errors import Absent
from holdfast.domain.look import Line, Look
from holdfast.domain.release import Deployment, Release
from holdfast.domain.rounds import Failure
from holdfast.domain.system import System
from holdfast.domain.watch import FiledBaseline, Watched
from holdfast.flows.desk import Desk, every
from holdfast.flows.register import is_trusted
from holdfast.flows.watch import watch_of
from holdfast.reports import look_reading
from holdfast.reports.look_reading import State
from holdfast.server.console import look_shown
from holdfast.server.console.look_shown import Row
from holdfast.server.console.pages import Visit, Visitor
from holdfast.server.console.tables import As, export, link

router = APIRouter(prefix="/systems/{name}/watch")
PAGE, RECENT = 40, 20
COLUMNS = (
    "measure", "about", "part", "state", "latest", "unit", "usual", "shift", "error", "since", "known_at", "at_least",
    "at_most", "log_evidence", "learned",
)  # fmt: skip
VALUES = ("batch", "rows", "value", "log_evidence", "log_evidence_beyond", "says_what_is_usual")


@dataclass(frozen=True, slots=True)
class Sought:
    """Which lines a page shows, and in which order; `after` is how many come before its first."""

    release: str
    part: str
    state: str
    text: str
    sort: str
    descending: bool
    after: str

    @property
    def is_narrow(self) -> bool:
        """Whether lines are left out."""
        return bool(self.part or self.state or self.text)

    def takes(self, row: Row) -> bool:
        """Whether it shows this line."""
        said = f"{row.title} {row.line.measure}".casefold()
        fits = self.part in ("", look_shown.part_title(row.part)) and self.state in ("", row.state)
        return fits and self.text.casefold() in said


def _sought(
    release: Annotated[str, Query(max_length=80)] = "",
    part: Annotated[str, Query(max_length=80)] = "",
    state: Annotated[str, Query(max_length=20)] = "",
    text: Annotated[str, Query(max_length=100)] = "",
    sort: Annotated[Literal["loudest", "title", "since"], Query()] = "loudest",
    descending: Annotated[bool, Query()] = False,
    after: Annotated[str, Query(max_length=9, pattern="^[0-9]*$")] = "",
) -> Sought:
    return Sought(release, part, state, text, sort, descending, after)


Seeking = Annotated[Sought, Depends(_sought)]


@router.get("")
def show_watch(visit: Visitor, name: str, sought: Seeking, as_: As = "") -> Response:
    """How the decisions of one release go."""
    desk, store = visit.desk, visit.desk.store
    system = store.get(System, name)
    running = list(every(store, Deployment, system=name, state="running"))
    release = chosen(desk, name, sought.release, running)
    look = last_look(visit, release)
    rows = look_shown.rows_of(look, visit.platform.measures) if look else []
    found = _ordered([row for row in rows if sought.takes(row)], sought)
    start = int(sought.after or 0)
    shown = found[start : start + PAGE]
    if as_:
        return export("lines", as_, COLUMNS, [_exported(look, row) for row in shown] if look else [])
    baseline = store.find(FiledBaseline, release) if release else None
    return visit.page(
        "watching.html",
        system=system.record,
        release=store.find(Release, release) if release else None,
        running=running,
        watched=_watched_releases(desk, name, running),
        look=look,
        late=look_shown.late(look, desk.now) if look else "",
        rows=shown,
        total=len(found),
        loud=[row for row in rows if look_reading.is_loud(row.line)],
        pictures=look_shown.pictures(rows),
        volumes=look_shown.volumes(look) if look and look.starts else (),
        parts=sorted({look_shown.part_title(row.part) for row in rows}),
        sought=sought,
        after=str(start + PAGE) if len(found) > start + PAGE else "",
        baseline=baseline,
        is_trusted=baseline is not None and is_trusted(desk, baseline.record.sealer),
        alerts=_open_alerts(desk, release),
        stopped=store.list(Breaker, system=name, state="tripped", limit=RECENT).items,
        records=store.list(Watched, about=release, limit=RECENT).items if release else (),
        how=watch_of(desk, name),
        nobody=visit.platform.watcher is None,
        failure=_failure(visit, release),
        link=lambda **changes: link(visit.request, **changes),
        **words_of_looks(),
    )


def _failure(visit: Visit, release: str) -> Failure | None:
    """What keeps a release from being looked at."""
    done = visit.platform.watcher.round() if visit.platform.watcher is not None else None
    return done.failure_of(release) if done is not None else None


def words_of_looks() -> dict[str, Any]:
    """What templates need to tell of looks."""
    return {"reading": look_reading, "shows": look_shown, "states": [one for one in State if one is not State.PARTLY]}


def chosen(desk: Desk, system: str, wanted: str, running: Sequence[Kept[Deployment]]) -> str:
    """The release that a page is about: the one that was asked for, else the one that runs, else the latest of which
    it is known what is usual; Absent where the one that was asked for is another system's.
    """
    if wanted:
        if desk.store.get(Release, wanted).record.system != system:
            raise Absent("watch.release", "That release is another system's.", "Choose one of this system.")
        return wanted
    runs = [kept.record.release for kept in running]
    filed = desk.store.many(FiledBaseline, runs)
    known = [kept.record.release for kept in desk.store.list(FiledBaseline, system=system, limit=1).items]
    return next(iter([*(one for one in runs if one in filed), *runs, *known]), "")


def last_look(visit: Visit, release: str) -> Look | None:
    """What watching a release last showed; None where nobody looked."""
    watcher = visit.platform.watcher
    return watcher.last(release) if watcher is not None and release else None


def _watched_releases(desk: Desk, system: str, running: Sequence[Kept[Deployment]]) -> tuple[Kept[Release], ...]:
    """The releases of a system that can be looked at, the latest first."""
    known = desk.store.list(FiledBaseline, system=system, limit=RECENT).items
    digests = {kept.record.release for kept in running} | {kept.record.release for kept in known}
    found = desk.store.many(Release, digests)
    return tuple(sorted(found.values(), key=lambda kept: kept.at, reverse=True))


def _open_alerts(desk: Desk, release: str) -> tuple[Kept[Alert], ...]:
    return desk.store.list(Alert, about=release, state="open", limit=RECENT).items if release else ()


def _ordered(rows: list[Row], sought: Sought) -> list[Row]:
    if sought.sort == "title":
        rows = sorted(rows, key=lambda row: row.title)
    if sought.sort == "since":
        rows = sorted(rows, key=lambda row: row.since or "9")
    return rows[::-1] if sought.descending else rows


def _exported(look: Look, row: Row) -> list[object]:
    line = row.line
    alarm = line.out_alarm if line.out_alarm is not None else line.alarm
    known = "" if alarm is None else look.starts[alarm]
    about = [line.measure, line.where, look_shown.part_title(row.part), row.state.value, row.latest, row.measure.unit]
    now = [row.usual, line.shift, line.error, row.since, known, line.floor, line.ceiling]
    return [*about, *now, look_reading.evidence(line), row.known]


@router.get("/line")
def show_line(
    visit: Visitor,
    name: str,
    measure: Annotated[str, Query(max_length=200)],
    about: Annotated[str, Query(max_length=500)] = "",
    release: Annotated[str, Query(max_length=80)] = "",
    as_: As = "",
) -> Response:
    """One line, batch by batch."""
    desk = visit.desk
    system = desk.store.get(System, name)
    running = list(every(desk.store, Deployment, system=name, state="running"))
    release = chosen(desk, name, release, running)
    look = last_look(visit, release)
    line = look_shown.line_of(look, measure, about)
    if look is None or line is None:
        raise Absent("watch.line", "No such line is watched.", "The page of the system lists those that are.")
    if as_:
        return export("line", as_, VALUES, list(values_of(look, line)))
    alerts = [kept for kept in every(desk.store, Alert, about=release) if _is_about(kept.record, measure, about)]
    return visit.page(
        "watching_line.html",
        system=system.record,
        release=desk.store.get(Release, release),
        look=look,
        row=look_shown.row_of(look, line, visit.platform.measures),
        alerts=alerts,
        link=lambda **changes: link(visit.request, **changes),
        **words_of_looks(),
    )


def _is_about(alert: Alert, measure: str, about: str) -> bool:
    return (alert.measure, alert.scope) == (measure, about)


def values_of(look: Look, line: Line) -> list[list[object]]:
    """A line batch by batch, as the columns of `VALUES`."""
    money = line.money or (None,) * len(line.values)
    beyond = line.beyond or (None,) * len(line.values)
    columns = (look.starts, line.rows, line.values, money, beyond)
    return [[*row, place < look.ordinary] for place, row in enumerate(zip(*columns, strict=True))]


@router.get("/look")
def download_look(visit: Visitor, name: str, release: Annotated[str, Query(max_length=80)] = "") -> Response:
    """The whole look, as it is kept."""
    running = list(every(visit.desk.store, Deployment, system=name, state="running"))
    look = last_look(visit, chosen(visit.desk, name, release, running))
    if look is None:
        raise Absent("watch.unseen", "Nobody watched this release yet.", "It is looked at once it runs.")
    return _download(canonical.encode(look), "look.json")


@router.get("/evidence/{digest}")
def download_evidence(visit: Visitor, name: str, digest: str) -> Response:
    """What was measured while watching, sealed as it was filed."""
    kept = visit.desk.store.get(Watched, digest)
    if kept.record.system != name:
        raise Absent("watch.evidence", "That evidence is another system's.", "Choose one of this system.")
    return _download(visit.desk.blobs.get(kept.record.envelope), "evidence.json")


def _download(body: bytes, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type="application/json", headers=headers)
