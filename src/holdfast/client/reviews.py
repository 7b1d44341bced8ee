"""Decisions that wait for a person: filed by gateways, decided by people."""

from __future__ import annotations

from typing import Any

from holdfast.client.transport import Transport, segment
from holdfast.domain.act import Kept, Page
from holdfast.domain.review import Held, HumanReview, ReviewFigures
from holdfast.domain.schema import Scalar
from holdfast.domain.view import Forgotten, Shown


class Reviews(Transport):
    """Human review."""

    def list_reviews(self, **filters: Any) -> Page[HumanReview]:
        """Decisions that wait or waited for a person; `state` is waiting, decided or lapsed."""
        return self._get(Page[HumanReview], "/reviews", **filters)

    def file_review(self, held: Held) -> Kept[HumanReview]:
        """Let a decision wait for a person."""
        return self._make(Kept[HumanReview], "/reviews", held=held)

    def show_review(self, decision: str) -> Kept[HumanReview]:
        """One review, by its decision's id."""
        return self._get(Kept[HumanReview], f"/reviews/{segment(decision)}")

    def show_outcome(self, decision: str) -> Kept[HumanReview]:
        """The same for gateways."""
        return self._get(Kept[HumanReview], f"/reviews/{segment(decision)}/outcome")

    def show_content(self, decision: str) -> Shown:
        """What a person has to see to decide it."""
        return self._get(Shown, f"/reviews/{segment(decision)}/content")

    def show_figures(self, system: str) -> ReviewFigures:
        """How the reviews of a system went."""
        return self._get(ReviewFigures, f"/reviews/figures/{segment(system)}")

    def decide_review(self, decision: str, *, reason: str, answer: Scalar | None = None) -> Kept[HumanReview]:
        """Decide it; without an answer, nothing is answered."""
        return self._make(Kept[HumanReview], f"/reviews/{segment(decision)}/decide", reason=reason, answer=answer)

    def forget_subject(self, subject: str) -> Forgotten:
        """Destroy what waiting reviews show of a person, by their pseudonym."""
        return self._make(Forgotten, "/reviews/forget", subject=subject)
