"""Admission: whether a digest may run in an environment now, for gateways, pipelines and Kubernetes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import Body, Query

from holdfast.domain.access import Permission
from holdfast.domain.errors import HoldfastError
from holdfast.domain.gate import Admission
from holdfast.flows.desk import Desk
from holdfast.flows.gate import admit
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Here
from holdfast.server.workload import Workload, workload_in

router = routes("/admission", "admission")


class By(StrEnum):
    """What of a workload has to be let in. Whoever sets up the webhook says which, never the workload itself."""

    IMAGES = "images"
    ANNOTATION = "annotation"


@router.get("", **needs(Permission.READ))
def show_admission(
    platform: Here,
    digest: Annotated[str, Query(max_length=200, description="Of a release or of its model, as sha256:….")],
    environment: Annotated[str, Query(max_length=100, description="Where it is to run.")],
) -> Admission:
    """Whether a digest may run in an environment now, and why. A digest that nobody knows may not."""
    return admit(platform.desk, digest, environment)


@router.post("/kubernetes", **needs(Permission.READ, is_lenient=True))
def review_admission(
    platform: Here,
    review: Annotated[dict[str, Any], Body(description="An AdmissionReview of admission.k8s.io/v1.")],
    environment: Annotated[str, Query(max_length=100, description="The namespace's name where empty.")] = "",
    by: Annotated[By, Query(description="What is looked up: every image, or the annotation holdfast.dev/digest.")] = (
        By.IMAGES
    ),
) -> dict[str, Any]:
    """Answer an AdmissionReview. Whatever cannot be read, is not pinned by digest or is not known, is not allowed."""
    workload = workload_in(review)
    why = _why_not(platform.desk, workload, environment or workload.namespace, by)
    status = {"code": 403, "message": f"Holdfast: {why}"}
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": workload.uid, "allowed": not why} | ({"status": status} if why else {}),
    }


def _why_not(desk: Desk, workload: Workload, environment: str, by: By) -> str:
    """Why the workload may not run; empty where it may."""
    if by is By.IMAGES and workload.unpinned:
        return f"the image {workload.unpinned[0]!r} is not pinned by digest."
    wanted = workload.annotated + (workload.pinned if by is By.IMAGES else ())
    if not wanted or (by is By.IMAGES and not workload.pinned):
        return f"nothing says what runs here ({by})."
    for digest in wanted:
        try:
            found = admit(desk, digest, environment)
        except HoldfastError as error:
            return f"{digest}: {error.message}"
        if not found.admitted:
            return f"{digest} in {environment!r}: {found.reason}"
    return ""
