"""How a page is made: templates, what every page shows, and the page of an error."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from secrets import token_hex
from typing import Annotated, Any
from urllib.parse import quote, unquote

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import escape

from holdfast import words
from holdfast.domain.access import Permission
from holdfast.domain.account import Session
from holdfast.domain.errors import HoldfastError
from holdfast.flows.desk import Caller, Desk, require
from holdfast.flows.people import by_session
from holdfast.reports.filters import FILTERS
from holdfast.reports.look_reading import batch
from holdfast.server.callers import Asking, Browser, Here, platform_of, session_of
from holdfast.server.platform import Platform

TEMPLATES = Path(__file__).parent.parent / "templates"
SAID = "holdfast_said"
"""The cookie that carries one sentence over a redirect: what was done."""


@dataclass(frozen=True, slots=True)
class Room:
    """A part of the console in its navigation: under which word of the product's sentence, and what else lies there."""

    title: str
    path: str
    group: str = ""
    also: tuple[str, ...] = ()
    needs: Permission = Permission.READ

    def holds(self, path: str) -> bool:
        """Whether a page lies in this room."""
        within = (self.path, *self.also)
        return path == self.path or any(start != "/" and path.startswith(start + "/") for start in within)


ROOMS = (
    Room("Home", "/"),
    Room("Systems", "/systems", "Know", ("/releases", "/new-system", "/decisions")),
    Room("Data", "/data", "Know"),
    Room("Requests", "/requests", "Hold"),
    Room("Appetite", "/appetite", "Hold"),
    Room("Committee", "/committee", "Hold"),
    Room("Reviews", "/reviews", "Guard"),
    Room("Fleet", "/watch", "Watch"),
    Room("Alerts", "/alerts", "Watch"),
    Room("Incidents", "/incidents", "Watch"),
    Room("Ledger", "/ledger", "Prove"),
    Room("Sealers", "/sealers", "Prove"),
    Room("Inbox", "/inbox", "You"),
    Room("People", "/people", "You", needs=Permission.READ_PEOPLE),
    Room("Settings", "/settings", "You"),
)
"""The rooms that exist, in the order of the product's sentence."""


@cache
def environment() -> Environment:
    """Templates with autoescape on; what they print goes through `holdfast.words`, atoms come from the report."""
    loader = ChoiceLoader([FileSystemLoader(TEMPLATES), PackageLoader("holdfast.reports", "templates")])
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= FILTERS
    made.filters |= {
        "path": lambda text: quote(str(text), safe=":"),
        "count": words.count,
        "ago": words.ago,
        "spelled": words.spelled,
    }
    made.filters |= {"discipline": discipline, "can": can, "batch": batch}
    made.filters |= {"ended": words.ended, "guard_said": words.guard_said}
    made.globals |= {"rooms": ROOMS, "once": lambda: secrets.token_urlsafe(24)}
    return made


CAN: dict[str, str] = {
    Permission.READ: "read",
    Permission.READ_PEOPLE: "see people",
    Permission.COMMENT: "comment",
    Permission.MANAGE_SYSTEMS: "register and change systems",
    Permission.OVERRIDE_TIER: "override a tier",
    Permission.REGISTER_RELEASES: "file releases and evidence",
    Permission.ASK_GATE: "ask to pass gates",
    Permission.ASK_WAIVER: "ask for waivers",
    Permission.APPROVE: "answer requests",
    Permission.DEPLOY: "put into production",
    Permission.PROPOSE_APPETITE: "propose appetite and committee",
    Permission.ENACT_APPETITE: "enact appetite and committee",
    Permission.PROPOSE_PEOPLE: "propose people and roles",
    Permission.ENACT_PEOPLE: "enact people and roles",
    Permission.TRUST_SEALERS: "trust sealers",
    Permission.VERIFY_LEDGER: "verify the ledger",
    Permission.TRIP_BREAKER: "stop a system",
    Permission.RESET_BREAKER: "let a stopped system go on",
    Permission.ISSUE_CREDENTIALS: "issue credentials for gateways",
    Permission.RUN_GATEWAY: "run a gateway",
    Permission.READ_DECISIONS: "see decisions",
    Permission.READ_PERSONAL: "read personal fields of decisions, each time on record",
    Permission.LABEL_DECISIONS: "say what decisions turned out to be",
    Permission.SET_RETENTION: "set how long decisions are kept",
    Permission.MANAGE_HOLDS: "place and lift legal holds",
    Permission.REMOVE_SEGMENTS: "remove decisions at the end of their time",
    Permission.DECIDE_REVIEWS: "decide what waits for a person, and see its input",
    Permission.FORGET_SUBJECTS: "have what waits for a person forget somebody",
    Permission.SET_WATCH: "say how a system is watched",
    Permission.SETTLE_ALERTS: "settle alerts",
    Permission.CLOSE_INCIDENTS: "close incidents",
    Permission.EXPORT_LEDGER: "copy all acts and records, to verify them elsewhere",
}


def can(permission: str) -> str:
    """What a permission lets somebody do, in words."""
    return CAN.get(permission, permission)


def discipline(name: str) -> str:
    """A discipline as people write it."""
    return "IT" if name == "it" else name


@dataclass(frozen=True)
class Visit:
    """Somebody who reads may see this page: the request, and who asks."""

    request: Request
    platform: Platform
    session: Session | None
    caller: Caller

    @property
    def desk(self) -> Desk:
        """The desk that answers."""
        return self.platform.desk

    def may(self, permission: Permission) -> bool:
        """Whether the visitor may do this, so that a page offers only what can be done."""
        return permission in self.caller.permissions

    def page(self, template: str, /, *, status: int = 200, **content: Any) -> HTMLResponse:
        """The `template` with `content`, in the frame, for this visitor."""
        return page(self.request, template, session=self.session, caller=self.caller, status=status, **content)


def visit_of(request: Request, platform: Here, session: Browser, caller: Asking) -> Visit:
    """Whoever is signed in and may read."""
    require(caller, Permission.READ)
    return Visit(request, platform, session, caller)


Visitor = Annotated[Visit, Depends(visit_of)]


def page(
    request: Request,
    template: str,
    /,
    *,
    session: Session | None,
    caller: Caller | None,
    status: int = 200,
    **content: Any,
) -> HTMLResponse:
    """The `template` with `content`, in the frame that every page has."""
    said = unquote(request.cookies.get(SAID, ""))
    names = _Names()
    frame = {
        "path": request.url.path,
        "query": request.query_params,
        "csrf": session.csrf if session else "",
        "visitor": caller,
        "may": lambda name: caller is not None and Permission(name) in caller.permissions,
        "who": names,
        "at": platform_of(request).desk.at,
        "said": said,
    }
    html = environment().get_template(template).render(**(frame | content))
    answer = HTMLResponse(names.written(html, platform_of(request)), status)
    if said:
        answer.delete_cookie(SAID, path="/")
    return answer


class _Names:
    """Who pseudonyms are, asked once for all on a page: each stands as a mark in it until all are known."""

    def __init__(self) -> None:
        self._mark = token_hex(8)  # so that nobody can write one
        self._people: dict[str, str] = {}

    def __call__(self, person: str) -> str:
        """What to write for a person for now."""
        return self._people.setdefault(person, f"{self._mark}.{len(self._people)}.")

    def written(self, html: str, platform: Platform) -> str:
        """The page with everybody's name; the pseudonym itself where nobody knows any more."""
        if not self._people:
            return html
        known = platform.accounts.profiles(set(self._people))
        names = {mark: known[person].name if person in known else person for person, mark in self._people.items()}
        return re.sub(rf"{self._mark}\.\d+\.", lambda found: str(escape(names[found[0]])), html)


def go(path: str, said: str = "") -> RedirectResponse:
    """To another page after something was done, which is `said` there."""
    answer = RedirectResponse(path, 303)
    if said:
        answer.set_cookie(SAID, quote(said), max_age=60, httponly=True, samesite="lax", path="/")
    return answer


def error_page(request: Request, status: int, code: str, message: str, hint: str) -> Response:
    """What happened and what to do next. Nobody signed in: to the door, and back here after."""
    if status == 401 and request.method == "GET":
        return RedirectResponse(f"/sign-in?next={request.url.path}", 303)
    session, caller = _who_is_here(request)
    said = {"code": code, "message": message, "hint": hint, "number": status}
    return page(request, "error.html", session=session, caller=caller, status=status, **said)


def _who_is_here(request: Request) -> tuple[Session | None, Caller | None]:
    """Whoever is signed in, so that an error stands in the frame; nobody where even that cannot be found out."""
    platform = platform_of(request)
    try:
        session = session_of(request, platform)
        return session, by_session(platform.desk, session.person, "") if session else None
    except HoldfastError:
        return None, None
