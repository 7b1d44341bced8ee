"""Lineage as a page shows it: from the sources on the left to the release on the right, broken links first."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast import words
from holdfast.domain.lineage import Lineage, Link, Origin
from holdfast.flows.desk import Desk
from holdfast.flows.steps import release_lineage

MOST_BOXES = 12
"""Files of one stage that are drawn; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Files that lie equally far behind the release: those that are drawn, and how many are not."""

    title: str
    links: tuple[Link, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Flow:
    """A lineage in one sentence and by stage, from the farthest one to the release.

    `ends` are the digests at which the way back ends without a source: what has to be mended.
    """

    sentence: str
    is_complete: bool
    ends: frozenset[str]
    stages: tuple[Stage, ...]


def flow_of(desk: Desk, release: str, known: Lineage | None = None) -> Flow:
    """The lineage of a release, or one that is `known` already, ready to be drawn."""
    lineage = known or release_lineage(desk, release).lineage
    by_distance: dict[int, list[Link]] = {}
    distances = _distances(lineage)
    for link in lineage.links:
        by_distance.setdefault(distances[link.digest], []).append(link)
    stages = [_stage(distance, by_distance[distance]) for distance in sorted(by_distance, reverse=True)]
    ends = frozenset(link.digest for link in lineage.breaks)
    return Flow(_sentence(lineage), lineage.is_complete, ends, tuple(stages))


def _distances(lineage: Lineage) -> dict[str, int]:
    """Steps between each file and the release, along the shortest way."""
    found = {lineage.root: 0}
    behind = {link.digest: [a.digest for step in link.made_by for a in step.data] for link in lineage.links}
    for link in lineage.links:  # breadth first, so whoever leads here was met before
        if link.origin is not Origin.SOURCE:
            for digest in behind[link.digest]:
                found.setdefault(digest, found[link.digest] + 1)
    return found


def _stage(distance: int, links: list[Link]) -> Stage:
    ordered = sorted(links, key=lambda link: link.origin is not Origin.BROKEN)
    title = ("Release", "Made of")[distance] if distance < 2 else f"{words.count(distance, 'step').capitalize()} back"
    return Stage(title, tuple(ordered[:MOST_BOXES]), max(len(ordered) - MOST_BOXES, 0))


def _sentence(lineage: Lineage) -> str:
    if lineage.is_complete:
        return f"All {words.count(len(lineage.links) - 1, 'file')} trace back to attested sources."
    first, others = lineage.breaks[0], len(lineage.breaks) - 1
    named = ", ".join(first.names) or "a file without a name"
    more = f" and at {words.count(others, 'more file')}" if others else ""
    return f"The way back breaks at {named}{more}."
