"""Know: recorded steps and attested sources are filed, and a release is traced back through them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.errors import FixInput
from holdfast.domain.lineage import FiledOutput, FiledSource, FiledStep, Traced, assembly, trace
from holdfast.domain.provenance import Artifact, Provenance, Seen, Source
from holdfast.domain.release import Release
from holdfast.flows.desk import Caller, Desk, every, require
from holdfast.flows.lineage import admitted_source
from holdfast.flows.register import is_trusted
from holdfast.flows.register_data import moment_of, newest_admission
from holdfast.ledger.envelope import open_sealed

Sealed = TypeVar("Sealed", Provenance, Source)
MOST_OUTPUTS = 60
"""Files of one step that are found by their digest; each is an act."""
MOST_FILES = 1_000
"""Files on the way back that are looked at, so that no release takes minutes to trace."""


def file_step(desk: Desk, caller: Caller, envelope: bytes, sealer: str) -> Kept[FiledStep]:
    """Take in what `holdfast record` sealed with the key `sealer` (raw Ed25519, hex). The same again is the same.

    The envelope is kept whole; of a step that wrote more than `MOST_OUTPUTS` files only those that it declared can be
    found by their digest.
    """
    step = _opened(desk, caller, envelope, sealer, Provenance)
    moment_of(step.started_at)
    moment_of(step.finished_at)
    key = canonical.digest_bytes(envelope)
    known = desk.store.find(FiledStep, key)
    if known is not None:
        return known
    outputs = {artifact.digest: artifact for artifact in _found_later(step)}
    drafts = [
        Draft(Verb.FILE_STEP, f"{digest}@{key[7:23]}", FiledOutput(digest, artifact.path, key))
        for digest, artifact in outputs.items()
    ]
    looked_at = replace(step, inputs=step.data, packages=(), environment=())
    record = FiledStep(looked_at, desk.blobs.put(envelope), sealer)
    desk.do(caller, Draft(Verb.FILE_STEP, key, record), *drafts)
    return desk.store.get(FiledStep, key)


def _found_later(step: Provenance) -> tuple[Artifact, ...]:
    if len(step.outputs) <= MOST_OUTPUTS:
        return step.outputs
    declared = tuple(artifact for artifact in step.outputs if artifact.seen is Seen.DECLARED)
    if not 0 < len(declared) <= MOST_OUTPUTS:
        what = (
            f"The step wrote {len(step.outputs)} files and declared {len(declared)}; {MOST_OUTPUTS} can be found later."
        )
        raise FixInput("step.outputs", what, "Record it again, and name with --out the files that others build on.")
    return declared


def file_source(desk: Desk, caller: Caller, envelope: bytes, sealer: str) -> Kept[FiledSource]:
    """Take in what `holdfast data attest` sealed: where a file comes from that is no table."""
    source = _opened(desk, caller, envelope, sealer, Source)
    moment_of(source.attested_at)
    key = canonical.digest_bytes(envelope)
    if desk.store.find(FiledSource, key) is None:
        desk.do(caller, Draft(Verb.FILE_SOURCE, key, FiledSource(source, desk.blobs.put(envelope), sealer)))
    return desk.store.get(FiledSource, key)


def _opened(desk: Desk, caller: Caller, envelope: bytes, sealer: str, kind: type[Sealed]) -> Sealed:
    require(caller, Permission.REGISTER_RELEASES)
    if not is_trusted(desk, sealer):
        raise FixInput("step.sealer", "Nobody here trusts the key that sealed this.", "Ask IT to trust the sealer.")
    return open_sealed(envelope, bytes.fromhex(sealer), kind)


def release_lineage(desk: Desk, digest: str) -> Traced:
    """Where a release comes from, by what is filed under keys that are trusted now. The release is the first link."""
    release = desk.store.get(Release, digest).record
    last, walk = assembly(release), _Walk(desk)
    waiting = [artifact.digest for artifact in last.data]
    for found in waiting:  # grows as it is walked
        if found not in walk.seen and len(walk.seen) < MOST_FILES:
            waiting += walk.behind(found)
    if set(waiting) - walk.seen:
        last = assembly(release, f"Over {MOST_FILES:,} files lie behind it, which are not all looked at.")
    lineage = trace(release.digest, [last, *walk.steps.values()], walk.sources)
    return Traced(lineage, lineage.is_complete, tuple(sorted(walk.filed_by)))


class _Walk:
    """What was met on the way back: steps by their key, sources, and who filed them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._trusted: dict[str, bool] = {}
        self.seen: set[str] = set()
        self.steps: dict[str, Provenance] = {}
        self.sources: list[Source] = []
        self.filed_by: set[str] = set()

    def behind(self, digest: str) -> list[str]:
        """The digests that a file was made of; none for a source, where the way ends."""
        self.seen.add(digest)
        if self._is_source(digest):
            return []
        made = list(self._made(digest))
        self.filed_by |= {kept.actor for kept in made}
        self.steps |= {kept.key: kept.record.provenance for kept in made}
        return [artifact.digest for kept in made for artifact in kept.record.provenance.data]

    def _is_source(self, digest: str) -> bool:
        found = [(kept.record.source, kept.actor) for kept in self._sources(digest)]
        admitted = newest_admission(self._desk, digest)
        source = admitted_source(admitted[1]) if admitted else None
        if admitted and source and source.digest == digest:
            found.append((source, admitted[0].actor))
        self.sources += [source for source, _ in found]
        self.filed_by |= {actor for _, actor in found}
        return bool(found)

    def _sources(self, digest: str) -> Iterator[Kept[FiledSource]]:
        found = every(self._desk.store, FiledSource, about=digest)
        return (kept for kept in found if self._trusts(kept.record.sealer))

    def _made(self, digest: str) -> Iterator[Kept[FiledStep]]:
        for output in every(self._desk.store, FiledOutput, about=digest):
            kept = self._desk.store.get(FiledStep, output.record.step)
            if self._trusts(kept.record.sealer):
                yield kept

    def _trusts(self, sealer: str) -> bool:
        if sealer not in self._trusted:
            self._trusted[sealer] = is_trusted(self._desk, sealer)
        return self._trusted[sealer]
