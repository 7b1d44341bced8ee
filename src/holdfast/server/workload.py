"""What a Kubernetes AdmissionReview asks to run: its images and the digests that it names. Read without trust."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ANNOTATION = "holdfast.dev/digest"
CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
PINNED = re.compile(r"[^@\s]+@(sha256:[0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Workload:
    """`pinned` are the digests of images, `unpinned` images without one, `annotated` digests that annotations name."""

    uid: str = ""
    namespace: str = ""
    pinned: tuple[str, ...] = ()
    unpinned: tuple[str, ...] = ()
    annotated: tuple[str, ...] = ()


def workload_in(review: dict[str, Any]) -> Workload:
    """The workload in a review; an empty one, which names nothing to let in, where the review is none."""
    request = review.get("request")
    if review.get("kind") != "AdmissionReview" or not isinstance(request, dict):
        return Workload()
    found = request.get("object")
    images = list(_images(found))
    matches = [PINNED.fullmatch(image) for image in images]
    return Workload(
        uid=str(request.get("uid", "")),
        namespace=str(request.get("namespace", "")),
        pinned=tuple(match[1] for match in matches if match),
        unpinned=tuple(image[:200] for image, match in zip(images, matches, strict=True) if not match),
        annotated=tuple(_annotated(found)),
    )


def _images(value: Any) -> Iterator[str]:
    """The image of every container in a pod or a template, at whatever place a resource keeps them.

    A container whose image cannot be read counts as one that is not pinned.
    """
    for key, inner in _fields(value):
        if key in CONTAINERS and isinstance(inner, list):
            yield from (str(c.get("image", "")) if isinstance(c, dict) else "" for c in inner)
        elif key == "volumes" and isinstance(inner, list):
            yield from (str(v["image"].get("reference", "")) for v in inner if _is_image(v))


def _is_image(volume: Any) -> bool:
    return isinstance(volume, dict) and isinstance(volume.get("image"), dict)


def _annotated(value: Any) -> Iterator[str]:
    """The digests in the annotations of an object and of every template in it; commas part several."""
    for key, inner in _fields(value):
        if key == "annotations" and isinstance(inner, dict) and ANNOTATION in inner:
            yield from (part.strip() for part in str(inner[ANNOTATION]).split(","))


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Every field at any depth. No recursion, so that no nesting is too deep."""
    todo = [value]
    while todo:
        current = todo.pop()
        if isinstance(current, dict):
            yield from current.items()
            todo += current.values()
        elif isinstance(current, list):
            todo += current
