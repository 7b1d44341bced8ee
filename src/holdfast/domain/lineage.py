"""Lineage: from a file's digest back through recorded steps to data that somebody attested, and where that breaks.

A digest is grounded if it was attested as a source, or if a step that succeeded made it, read at least one file of
data, every one of them is grounded, and nothing else is known to have gone in. So a circle of steps grounds nothing,
and neither does a step that read nothing that was seen: raw data has to be attested by somebody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.provenance import Artifact, Provenance, Seen, Source
from holdfast.domain.release import Release


class Origin(StrEnum):
    """What is known of where a digest comes from."""

    MADE = "made"
    SOURCE = "source"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Link:
    """One digest on the way back: the names it had, the steps that made it, the source it was attested as.

    `because` says for a broken link what is missing; `remarks` are weaknesses that break nothing, such as code that
    differed from its revision.
    """

    digest: str
    names: tuple[str, ...]
    origin: Origin
    made_by: tuple[Provenance, ...] = ()
    source: Source | None = None
    because: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lineage:
    """Every digest that `root` rests on, itself first, then by distance."""

    root: str
    links: tuple[Link, ...]

    @property
    def broken(self) -> tuple[Link, ...]:
        """Where the way back ends without a source."""
        return tuple(link for link in self.links if link.origin is Origin.BROKEN)

    @property
    def breaks(self) -> tuple[Link, ...]:
        """The broken links that no broken link behind them explains: where something has to be mended."""
        broken = {link.digest for link in self.broken}
        ends = (ln for ln in self.broken if not any(a.digest in broken for step in ln.made_by for a in step.data))
        return tuple(ends) or self.broken

    @property
    def is_complete(self) -> bool:
        """Whether every way back ends at an attested source."""
        return not self.broken


PAPERS = frozenset(
    {"dependencies", "model description", "signature", "run", "code", "prompt", "tools", "policy", "gateway"}
)
"""Roles of materials that are made of no data. What plays any other role has to come from somewhere."""


@dataclass(frozen=True, slots=True)
class FiledStep:
    """A recorded step as a control plane files it.

    `provenance` is as much of it as lineage looks at (no code, packages or environment); `envelope` the digest of all
    of it, sealed, among the blobs; `sealer` the key that sealed it (hex).
    """

    provenance: Provenance
    envelope: str
    sealer: str


@dataclass(frozen=True, slots=True)
class FiledOutput:
    """That a filed step made a file: the file's digest and path, and the key of the step."""

    digest: str
    path: str
    step: str


@dataclass(frozen=True, slots=True)
class FiledSource:
    """Somebody's word on where a file comes from, as a control plane files it; `envelope` and `sealer` as of a step."""

    source: Source
    envelope: str
    sealer: str


@dataclass(frozen=True, slots=True)
class Traced:
    """A release's lineage, whether it is complete, and the ids of the people who filed what it rests on."""

    lineage: Lineage
    is_complete: bool
    filed_by: tuple[str, ...]


def assembly(release: Release, *gaps: str) -> Provenance:
    """The release as the last step of its pipeline, which put the materials together; `gaps` as of any step."""
    data = tuple(Artifact(m.name, m.digest, Seen.DECLARED) for m in release.materials if m.role not in PAPERS)
    made = (Artifact(f"{release.system} {release.version}", release.digest, Seen.DECLARED),)
    return Provenance("release", (), data, made, None, (), (), "", "", "", 0, tuple(gaps))


def trace(root: str, steps: Iterable[Provenance], sources: Iterable[Source]) -> Lineage:
    """Walk back from the digest `root`."""
    made_by: defaultdict[str, list[Provenance]] = defaultdict(list)
    for step in sorted(steps, key=lambda step: (step.finished_at, step.id)):
        for digest in {output.digest for output in step.outputs}:
            made_by[digest].append(step)
    attested = {source.digest: source for source in sorted(sources, key=lambda source: source.attested_at)}
    reached = _reached(root, made_by, attested)
    grounded = _grounded(reached, made_by, attested)
    names = _names(reached, made_by, attested)
    links = (
        _link(digest, made_by.get(digest, []), attested.get(digest), digest in grounded, names[digest])
        for digest in reached
    )
    return Lineage(root, tuple(links))


def _reached(root: str, made_by: Mapping[str, list[Provenance]], attested: Mapping[str, Source]) -> dict[str, None]:
    """The digests on the way back, breadth first; a source is where it ends."""
    reached = {root: None}
    waiting = [root]
    for digest in waiting:
        inputs = [] if digest in attested else [a.digest for step in made_by.get(digest, []) for a in step.data]
        new = [found for found in dict.fromkeys(inputs) if found not in reached]
        reached.update(dict.fromkeys(new))
        waiting.extend(new)
    return reached


def _grounded(
    reached: Iterable[str], made_by: Mapping[str, list[Provenance]], attested: Mapping[str, Source]
) -> set[str]:
    """The least fixed point of the rule above."""
    grounded = {digest for digest in reached if digest in attested}
    while True:
        new = {
            digest
            for digest in reached
            if digest not in grounded and any(_grounds(step, grounded) for step in made_by.get(digest, []))
        }
        if not new:
            return grounded
        grounded |= new


def _grounds(step: Provenance, grounded: set[str]) -> bool:
    is_known = step.succeeded and bool(step.data) and not step.gaps
    return is_known and all(artifact.digest in grounded for artifact in step.data)


def _names(
    reached: Iterable[str], made_by: Mapping[str, list[Provenance]], attested: Mapping[str, Source]
) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {digest: set() for digest in reached}
    for digest in reached:
        if digest in attested:
            found[digest].add(attested[digest].name)
        for step in made_by.get(digest, []):
            for artifact in (*step.data, *step.outputs):
                if artifact.digest in found:
                    found[artifact.digest].add(artifact.path)
    return {digest: tuple(sorted(names)) for digest, names in found.items()}


def _link(
    digest: str, steps: list[Provenance], source: Source | None, is_grounded: bool, names: tuple[str, ...]
) -> Link:
    if source is not None:
        return Link(digest, names, Origin.SOURCE, tuple(steps), source)
    origin = Origin.MADE if is_grounded else Origin.BROKEN
    because = "" if is_grounded else _missing(steps)
    return Link(digest, names, origin, tuple(steps), because=because, remarks=tuple(_remarks(steps)))


def _missing(steps: list[Provenance]) -> str:
    if not steps:
        return "No recorded step made it, and nobody attested where it comes from."
    if not any(step.succeeded for step in steps):
        return f"The step that made it ended with exit code {steps[-1].exit_code}."
    if not any(step.data for step in steps):
        return "The step that made it read no data that was seen, and nobody attested where it comes from."
    if all(step.gaps for step in steps):
        return f"More went into the step that made it than is known. {steps[-1].gaps[0]}"
    return "What it was made from is not traced back to a source."


def _remarks(steps: list[Provenance]) -> Iterable[str]:
    for step in steps:
        if step.revision is None:
            yield from [f"Step {step.id}: the code has no revision."] if step.command else []
        elif step.revision.is_dirty:
            yield f"Step {step.id}: the code differed from its revision {step.revision.commit[:12]}."
        yield from (f"Step {step.id}: {gap}" for gap in step.gaps)
        yield from (f"Step {step.id}: it was to write {name}, and did not." for name in step.missing)
