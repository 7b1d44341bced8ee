"""How a system is watched: the form, and saying it."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.system import System
from holdfast.domain.watch import Consequence, Rule, Span, Watch
from holdfast.flows.desk import require
from holdfast.flows.watch import set_watch, watch_of
from holdfast.plugins import find_monitors
from holdfast.server.console import alert_words
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.systems import path_of

router = APIRouter(prefix="/systems/{name}/watch/set")
BLANK, MOST = 3, 50
"""Empty rows below the rules that there are, and rows that are read."""


@router.get("")
def show_form(visit: Visitor, name: str) -> Response:
    """The form with what is said now."""
    require(visit.caller, Permission.SET_WATCH)
    watch = watch_of(visit.desk, visit.desk.store.get(System, name).key)
    rules: dict[str, object] = {}
    for at, rule in enumerate(watch.rules):
        rules |= {f"measure.{at}": rule.measure, f"consequence.{at}": rule.consequence.value, f"why.{at}": rule.why}
    outputs = {"score": watch.score, "decision": watch.decision}
    form = Form.of(span=watch.span.value, skip=watch.skip, mail="\n".join(watch.mail), **outputs, **rules)
    return _form(visit, name, form)


def _form(visit: Visit, name: str, form: Form, status: int = 200) -> Response:
    measures = visit.platform.measures
    used = [at for at in range(MOST) if _is_used(form, at)]
    return visit.page(
        "watching_set.html",
        status=status,
        form=form,
        system=visit.desk.store.get(System, name).record,
        rows=range(min((used[-1] + 1 if used else 0) + BLANK, MOST)),
        spans=[(span.value, f"A {span.value}") for span in Span],
        consequences=[(one.value, one.value.capitalize()) for one in Consequence],
        measures=sorted({*measures, *(one.partition(".")[0] for one in measures)}),
        monitors=_monitors(visit, name),
        words=alert_words,
    )


def _monitors(visit: Visit, name: str) -> list[tuple[str, str]]:
    """What can be left out: (id, title); a monitor that is left out and not installed here stays named."""
    known = {spec.id: spec.title for spec in find_monitors()}
    return sorted({**{id: "" for id in watch_of(visit.desk, name).skip}, **known}.items())


def _is_used(form: Form, at: int) -> bool:
    return bool(form.value(f"measure.{at}").strip() or form.value(f"why.{at}").strip())


@router.post("")
def say(visit: Visitor, name: str, form: Sent) -> Response:
    """Say how it is watched."""
    require(visit.caller, Permission.SET_WATCH)
    visit.desk.store.get(System, name)
    with form:
        watch = Watch(
            name,
            form.choice("span", Span, "The length of a batch"),
            tuple(_rule(visit, form, at) for at in range(MOST) if _is_used(form, at)),
            tuple(form.values("skip")),
            tuple(_mail(form)),
            form.value("score").strip(),
            form.value("decision").strip(),
        )
        form.settle()
        set_watch(visit.desk, visit.caller, watch)
        return go(f"{path_of(name)}/watch", "Set. It counts from the next look on.")
    return _form(visit, name, form, 422)


def _rule(visit: Visit, form: Form, at: int) -> Rule:
    measure = form.need(f"measure.{at}", "The measure")
    consequence = form.choice(f"consequence.{at}", Consequence, "What follows")
    rule = Rule(measure, consequence, form.need(f"why.{at}", "Why"))
    if measure not in ("", "*") and not any(rule.means(one) for one in visit.platform.measures):
        form.wrong[f"measure.{at}"] = "No measure, and no family of measures, is called so."
    return rule


def _mail(form: Form) -> list[str]:
    """Addresses, one a line or between commas."""
    found = [part.strip() for line in form.value("mail").splitlines() for part in line.split(",") if part.strip()]
    wrong = [one for one in found if one.count("@") != 1 or one.startswith("@") or one.endswith("@") or " " in one]
    if wrong:
        form.wrong["mail"] = f"{wrong[0]!r:.80} is no address."
    return found
