"""Release: what passed its gate goes into production, and comes out again. The history of both is kept."""

from __future__ import annotations

from dataclasses import replace

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.errors import Conflict, FixInput, Forbidden
from holdfast.domain.release import Deployment
from holdfast.domain.verdict import Outcome
from holdfast.flows.breakers import tripped
from holdfast.flows.desk import MOST, Caller, Desk, require, stated
from holdfast.flows.gate import look


def deploy(desk: Desk, caller: Caller, key: str) -> Kept[Deployment]:
    """Put what passed its gate into production; what ran there before ends with it, at the same moment."""
    require(caller, Permission.DEPLOY)
    opened = look(desk, key)
    request, ruling = opened.request.record, opened.ruling
    if not request.gate.needs_evidence or request.is_withdrawn:
        raise FixInput("deploy.gate", "Only a deployment or change that was asked for can go live.", "Ask that gate.")
    if ruling.outcome is not Outcome.PASS:
        raise Forbidden("deploy.shut", f"The gate is shut: {ruling.reasons[0].sentence}", "Look at the request.")
    stopped = next((b for b in tripped(desk, request.system) if b.stops(request.system, request.release)), None)
    if stopped is not None:
        raise Forbidden("deploy.stopped", f"It is stopped: {stopped.reason}", "Reset the breaker first.")
    new = _next(desk, request.system, request.environment)
    ending = [_end(desk, kept, "replaced") for kept in running_in(desk, request.system, request.environment)]
    deployment = Deployment(request.system, request.release, request.environment, desk.at, key, ruling.counted)
    made = desk.do(caller, *ending, Draft(Verb.DEPLOY, new, deployment))
    return desk.store.get(Deployment, made[-1].key)


def _next(desk: Desk, system: str, environment: str) -> str:
    """The key of a system's next deployment there: the same for two at once, of which the store then takes one. To be
    read before what runs now is.
    """
    place = desk.store.count(Deployment, system=system)
    return canonical.digest({"system": system, "environment": environment, "place": place}).removeprefix("sha256:")[:24]


def end_deployment(desk: Desk, caller: Caller, key: str, *, reason: str) -> Kept[Deployment]:
    """Take a release out of production."""
    require(caller, Permission.DEPLOY)
    kept = desk.store.get(Deployment, key)
    if kept.record.until:
        raise Conflict("deploy.ended", "It is out of production already.", "There is nothing to end.")
    ended = _ended(desk, kept.record, stated(reason, "reason"))
    return desk.keep(caller, Verb.END_DEPLOYMENT, key, ended, kept.revision)


def _end(desk: Desk, kept: Kept[Deployment], why: str) -> Draft:
    return Draft(Verb.END_DEPLOYMENT, kept.key, _ended(desk, kept.record, why), kept.revision)


def _ended(desk: Desk, deployment: Deployment, why: str) -> Deployment:
    return replace(deployment, until=desk.at, ended_because=why)


def running_in(desk: Desk, system: str, environment: str) -> tuple[Kept[Deployment], ...]:
    """What runs now for a system in an environment."""
    found = desk.store.list(Deployment, system=system, state="running", limit=MOST).items
    return tuple(kept for kept in found if kept.record.environment == environment)
