"""Reviews: the queue of decisions that wait for a person, and the page on which one is decided."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.review import Held, HumanReview, ReviewState, is_same, read_answer
from holdfast.domain.schema import Scalar
from holdfast.flows import review as flow
from holdfast.server.api.paging import Listed, Listing
from holdfast.server.console import review_words
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.tables import As, export, link
from holdfast.words import sentence_case

router = APIRouter(prefix="/reviews")
COLUMNS = ("decision", "system", "release", "held_at", "due_at", "state", "answer", "person", "seconds", "overruled")
ANY = "any"
REFUSE, OTHER = "holdfast:refuse", "holdfast:other"
"""What the form says where nothing shall be answered, and where an answer is typed."""


@router.get("")
def list_reviews(visit: Visitor, listing: Listed, as_: As = "") -> Response:
    """What waits, the most urgent first, unless the address says something else."""
    listing = _by_due(visit, listing)
    state = "" if listing.state == ANY else listing.state
    page = visit.desk.store.list(HumanReview, **{**listing.arguments, "state": state})
    if as_:
        return export("reviews", as_, COLUMNS, [_exported(kept.record) for kept in page.items])
    return visit.page(
        "reviews.html",
        found=page.items,
        listing=listing,
        after=page.after,
        states=[ANY, *(state.value for state in ReviewState)],
        words=review_words,
        link=lambda **changes: link(visit.request, **changes),
    )


def _by_due(visit: Visit, listing: Listing) -> Listing:
    is_said = "descending" in visit.request.query_params
    state = listing.state or ReviewState.WAITING.value
    return replace(listing, state=state, descending=is_said and listing.descending)


def _exported(review: HumanReview) -> list[object]:
    ended = review.resolution
    about = [review.decision, review.system, review.release, review.held_at, review.due_at, review.state.value]
    return [*about, *((ended.answer, ended.person, ended.seconds, ended.overruled) if ended else ("",) * 4)]


@router.get("/{key}")
def show_review(visit: Visitor, key: str) -> Response:
    """One review."""
    return _show(visit, key, Form())


def _show(visit: Visit, key: str, form: Form, status: int = 200) -> Response:
    kept, may = flow.find_review(visit.desk, key), visit.may(Permission.DECIDE_REVIEWS)
    held = flow.read_content(visit.desk, visit.caller, key) if may else None
    return visit.page(
        "review.html",
        status=status,
        form=form,
        kept=kept,
        held=held,
        barred=flow.barred(visit.desk, visit.caller, kept) if may else "",
        words=review_words,
        other=OTHER,
        choices=_choices(kept.record, held),
    )


def _choices(review: HumanReview, held: Held | None) -> list[tuple[str, str]]:
    """What can be chosen: the system's answers, or any that is typed; or no answer at all."""
    proposal = held.proposal if held is not None else None
    values = review.choices or (() if proposal is None else (proposal,))
    named = [(str(value), f"{value}{_as_proposed(value, proposal)}") for value in values]
    typed = [] if review.choices else [(OTHER, "Another answer")]
    return [*named, *typed, (REFUSE, sentence_case(review_words.no_answer(review)))]


def _as_proposed(value: Scalar, proposal: Scalar | None) -> str:
    return ", as the model proposes" if proposal is not None and is_same(value, proposal) else ""


@router.post("/{key}")
def decide(visit: Visitor, key: str, form: Sent) -> Response:
    """Decide it."""
    review = flow.find_review(visit.desk, key).record
    with form:
        answer = _said(form, review)
        reason = form.need("reason", "The reason")
        form.settle()
        flow.decide(visit.desk, visit.caller, key, answer=answer, reason=reason)
        return go(f"/reviews/{key}", "Your decision is on record. What you saw is destroyed.")
    return _show(visit, key, form, 422)


def _said(form: Form, review: HumanReview) -> Scalar | None:
    chosen = form.value("answer")
    if not chosen:
        form.wrong["answer"] = "Say what is decided."
    if chosen == OTHER and not review.choices:
        return read_answer(review, form.need("typed", "The answer"))
    return None if chosen == REFUSE else read_answer(review, chosen)
