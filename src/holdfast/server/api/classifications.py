"""Classifications: a regime's questions, a system's answers, and the tier that follows from them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.appetite import Tier
from holdfast.domain.classification import Classification, Questionnaire
from holdfast.domain.errors import Absent
from holdfast.flows.register import classify_system, override_tier
from holdfast.server.api.fields import Reason
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here
from holdfast.server.platform import Platform

router = routes("", "classifications")


@router.get("/questionnaires", **needs(Permission.READ))
def list_questionnaires(platform: Here) -> tuple[Questionnaire, ...]:
    """Every regime's questions and rules."""
    return tuple(platform.questionnaires.values())


@router.get("/questionnaires/{regime}", **needs(Permission.READ))
def show_questionnaire(platform: Here, regime: str) -> Questionnaire:
    """One regime's questions and rules."""
    return questionnaire(platform, regime)


@router.get("/classifications", **needs(Permission.READ))
def list_classifications(platform: Here, listing: Listed) -> Page[Classification]:
    """What the answers make of each system; `about` is the regime."""
    return platform.desk.store.list(Classification, **listing.arguments)


@router.get("/systems/{name}/classifications/{regime}", **needs(Permission.READ))
def show_classification(platform: Here, name: str, regime: str) -> Kept[Classification]:
    """A system's answers under one regime, and the tier that follows."""
    return platform.desk.store.get(Classification, f"{name}:{regime}")


@router.put("/systems/{name}/classifications/{regime}", **needs(Permission.MANAGE_SYSTEMS))
def classify(
    platform: Here,
    caller: Asking,
    name: str,
    regime: str,
    answers: Annotated[dict[str, bool], Body(embed=True, description="Yes or no by the question's id.")],
) -> Kept[Classification]:
    """Answer a questionnaire. New answers end an override."""
    given = tuple(sorted(answers.items()))
    return classify_system(platform.desk, caller, name, questionnaire(platform, regime), given)


@router.post("/systems/{name}/classifications/{regime}/override", **needs(Permission.OVERRIDE_TIER))
def override(
    platform: Here, caller: Asking, name: str, regime: str, tier: Annotated[Tier, Body()], reason: Reason
) -> Kept[Classification]:
    """Set a tier against the questionnaire. A prohibition cannot be lifted, nor silence overridden."""
    return override_tier(platform.desk, caller, name, regime=regime, tier=tier, reason=reason)


def questionnaire(platform: Platform, regime: str) -> Questionnaire:
    """A regime's questionnaire; Absent where there is none."""
    found = platform.questionnaires.get(regime)
    if found is None:
        hint = f"There are: {', '.join(sorted(platform.questionnaires)) or 'none'}."
        raise Absent("classification.regime", f"There is no questionnaire {regime[:80]!r}.", hint)
    return found
