"""Why a decision was made, on a page, and the letter that says so to the person."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.errors import FixInput
from holdfast.explanations.letter import read_regime, regimes
from holdfast.flows.explain_here import Explained, Place, explain_here, write_letter_here
from holdfast.reports.account_html import told
from holdfast.reports.letter import to_html
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor

router = APIRouter(prefix="/decisions/{id}/why")


@router.get("")
def explain(visit: Visitor, id: str) -> Response:
    """Explain it, where nothing personal has to be opened for that; else ask for what."""
    return _page(visit, id, Form())


@router.post("")
def explain_with_personal(visit: Visitor, id: str, form: Sent) -> Response:
    """Explain it by what is personal, too, on record."""
    with form:
        reason = form.need("reason", "The reason")
        form.settle()
        return _page(visit, id, form, because=reason)
    return _asked(visit, id, form, status=422)


@router.post("/letter")
def write_letter(visit: Visitor, id: str, form: Sent) -> Response:
    """The letter to the person, to be saved, printed and sent."""
    with form:
        now, regime = visit.desk.now, read_regime(form.value("law"))
        found = _explained(visit, id, form.value("reason"))
        letter = write_letter_here(found, regime, day=f"{now.day} {now:%B %Y}")
        headers = {"Content-Disposition": f'attachment; filename="{id}.letter.html"'}
        return Response(to_html(letter), media_type="text/html; charset=utf-8", headers=headers)
    return _asked(visit, id, form, status=422)


def _explained(visit: Visit, id: str, because: str) -> Explained:
    room = visit.platform.decisions
    place = Place(room.archive, room.keys, room.shelf)
    return explain_here(visit.desk, visit.caller, place, id, because=because)


def _page(visit: Visit, id: str, form: Form, *, because: str = "") -> Response:
    """The account; or, where personal fields are sealed, the form that asks why they are read."""
    try:
        found = _explained(visit, id, because)
    except FixInput as error:
        if error.code != "explain.sealed":
            raise
        return _asked(visit, id, form)
    furnished = found.furnished
    about: dict[str, Any] = {
        "id": id,
        "form": form,
        "because": because,
        "laws": _laws(),
        "has_terms": furnished.terms is not None,
    }
    return visit.page("why.html", found=found, **about, **told(found.account, furnished.wording))


def _laws() -> list[tuple[str, str]]:
    return [(name, read_regime(name).title) for name in regimes()]


def _asked(visit: Visit, id: str, form: Form, *, status: int = 200) -> Response:
    """The form that asks why personal fields are read, and whatever is wrong with a form."""
    return visit.page("why.html", status=status, found=None, id=id, form=form)
