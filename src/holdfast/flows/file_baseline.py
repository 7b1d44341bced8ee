"""Watch: what is usual of a release is filed, so that its decisions can be watched without its data."""

from __future__ import annotations

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.errors import FixInput
from holdfast.domain.release import Release
from holdfast.domain.schema import Schema
from holdfast.domain.watch import Baseline, FiledBaseline
from holdfast.flows.desk import Caller, Desk, require
from holdfast.flows.register import is_trusted
from holdfast.ledger.envelope import open_sealed


def file_baseline(desk: Desk, caller: Caller, envelope: bytes, sealer: str) -> Kept[FiledBaseline]:
    """Take in what `holdfast check` counted, sealed with the key `sealer` (raw Ed25519, hex). The same is the same.

    A release has one: what is filed later takes its place.
    """
    require(caller, Permission.REGISTER_RELEASES)
    if not is_trusted(desk, sealer):
        what = "Nobody here trusts the key that sealed this."
        raise FixInput("baseline.sealer", what, "Ask IT to trust the sealer.")
    baseline = open_sealed(envelope, bytes.fromhex(sealer), Baseline)
    release = desk.store.get(Release, baseline.release).record
    digest = canonical.digest(baseline)
    known = desk.store.find(FiledBaseline, baseline.release)
    if known is not None and known.record.digest == digest:
        return known
    record = FiledBaseline(release.system, release.digest, digest, desk.blobs.put(envelope), sealer)
    desk.do(caller, Draft(Verb.FILE_BASELINE, release.digest, record, known.revision if known else 0))
    return desk.store.get(FiledBaseline, release.digest)


def baseline_of(desk: Desk, filed: FiledBaseline) -> Baseline | None:
    """The baseline itself; None where the key that sealed it is trusted no more."""
    if not is_trusted(desk, filed.sealer):
        return None
    return open_sealed(desk.blobs.get(filed.envelope), bytes.fromhex(filed.sealer), Baseline)


def schema_of(desk: Desk, release: str) -> Schema | None:
    """How the columns of a release are read; None where no baseline of it counts."""
    filed = desk.store.find(FiledBaseline, release)
    baseline = baseline_of(desk, filed.record) if filed is not None else None
    return baseline.schema if baseline is not None else None
