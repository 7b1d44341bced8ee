"""Know: data sets and prompts enter the inventory as versions, each bound to a digest that never changes."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.dataset import Admission, DatasetVersion, PromptVersion
from holdfast.domain.errors import Absent, FixInput, Tampered
from holdfast.domain.intake import Offered
from holdfast.domain.prompt import parse_prompt
from holdfast.domain.verdict import Outcome, parse_time
from holdfast.flows.desk import Caller, Desk, every, require
from holdfast.flows.register import NAME, is_trusted
from holdfast.ledger.envelope import open_sealed

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MOST_PROMPT_BYTES = 1_000_000
Version = TypeVar("Version", DatasetVersion, PromptVersion)


def register_dataset(
    desk: Desk, caller: Caller, envelope: bytes, *, sealer: str, version: str, parent: str = ""
) -> Kept[DatasetVersion]:
    """Enter what a data gate said of a table (`holdfast data admit`), sealed with the key `sealer` (raw Ed25519, hex).

    What the gate refused is entered too, as refused. `parent` is the digest of the version that this one follows.
    A later admission of the same table as the same version takes the place of the earlier one, which stays in history.
    """
    require(caller, Permission.REGISTER_RELEASES)
    if not is_trusted(desk, sealer):
        raise FixInput("dataset.sealer", "Nobody here trusts the key that sealed this.", "Ask IT to trust the sealer.")
    admission = open_sealed(envelope, bytes.fromhex(sealer), Admission)
    judged_at = moment_of(admission.judged_at)
    record = DatasetVersion(
        name=admission.name,
        version=version,
        digest=admission.digest,
        contract=admission.contract,
        outcome=admission.outcome,
        source=admission.source,
        admission=desk.blobs.put(envelope),
        sealer=sealer,
        parent=parent,
    )
    kept = _enter(desk, caller, Verb.REGISTER_DATASET, record)
    if judged_at <= moment_of(admission_of(desk, kept.record).judged_at):
        return kept
    renewed = replace(record, parent=parent or kept.record.parent)
    desk.do(caller, Draft(Verb.REGISTER_DATASET, kept.key, renewed, kept.revision))
    return desk.store.get(DatasetVersion, kept.key)


def moment_of(text: str) -> datetime:
    """The moment that a sealed record names; FixInput where it is none, or has no time zone."""
    try:
        found = parse_time(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise FixInput("sealed.moment", f"It is dated {text!r:.60}, which is no moment.", "Make and seal it again.")
    return found


def admission_of(desk: Desk, record: DatasetVersion) -> Admission:
    """The sealed admission behind a version; Tampered where it is not what its sealer signed."""
    return open_sealed(desk.blobs.get(record.admission), bytes.fromhex(record.sealer), Admission)


def newest_admission(desk: Desk, digest: str) -> tuple[Kept[DatasetVersion], Admission] | None:
    """The last word of a data gate on a table, among those whose key is trusted now, and the version that holds it."""
    known = every(desk.store, DatasetVersion, about=digest)
    found = [(kept, admission_of(desk, kept.record)) for kept in known if is_trusted(desk, kept.record.sealer)]
    return max(found, key=lambda one: moment_of(one[1].judged_at), default=None)


def offered(desk: Desk, digest: str) -> tuple[Offered, frozenset[str]]:
    """A data set as a gate looks at it, and who entered what counts of it."""
    try:
        found = newest_admission(desk, digest)
    except (Absent, Tampered) as error:  # one damaged file must not hide all other requests
        return Offered(digest, because=error.message), frozenset()
    if found is None:
        named = desk.store.list(DatasetVersion, about=digest, limit=1).items
        return Offered(digest, _title(named[0].record) if named else ""), frozenset()
    kept, admission = found
    against = [objection.sentence for objection in admission.objections if objection.outcome is not Outcome.PASS]
    because = next(iter(against), "")
    fact = Offered(digest, _title(kept.record), admission.outcome, admission.judged_at, admission.contract, because)
    return fact, frozenset({kept.actor})


def _title(record: DatasetVersion) -> str:
    return f"{record.name} {record.version}"


def register_prompt(
    desk: Desk, caller: Caller, name: str, version: str, data: bytes, *, parent: str = ""
) -> Kept[PromptVersion]:
    """Enter a prompt; its text is kept sealed, by its digest. FixInput where it is none (`domain.prompt`)."""
    require(caller, Permission.REGISTER_RELEASES)
    if not 0 < len(data) <= MOST_PROMPT_BYTES:
        raise FixInput("prompt.size", f"The prompt has {len(data)} bytes.", f"At most {MOST_PROMPT_BYTES:,}, and some.")
    parse_prompt(data)
    record = PromptVersion(name, version, canonical.digest_bytes(data), parent)
    _require_sound(desk, record)
    desk.prompts.put(record.digest, "", data)
    return _enter(desk, caller, Verb.REGISTER_PROMPT, record)


def read_prompt(desk: Desk, caller: Caller, name: str, version: str) -> bytes:
    """A prompt's text, byte for byte, for those who write prompts and for gateways; Absent where it is not kept."""
    require(caller, Permission.READ_PROMPTS)
    digest = desk.store.get(PromptVersion, f"{name}:{version}").record.digest
    data = desk.prompts.get(digest)
    if data is None or canonical.digest_bytes(data) != digest:
        raise Absent("prompt.text", f"The text of {name} {version} is not kept here.", "Register the same text again.")
    return data


def _enter(desk: Desk, caller: Caller, verb: Verb, record: Version) -> Kept[Version]:
    """The version, entered. The same version again is the same; another digest under its name is refused."""
    _require_sound(desk, record)
    kind, key = type(record), f"{record.name}:{record.version}"
    known = desk.store.find(kind, key)
    if known is None:
        desk.do(caller, Draft(verb, key, record))
        return desk.store.get(kind, key)
    if known.record.digest != record.digest:
        hint = "A version never changes: give it a new number."
        raise FixInput("version.taken", f"{record.name} {record.version} is another digest.", hint)
    return known


def _require_sound(desk: Desk, record: DatasetVersion | PromptVersion) -> None:
    """A name and a version that can be cited, and a parent that is a version of the same thing."""
    for what, text in (("name", record.name), ("version", record.version)):
        if not NAME.fullmatch(text) or ":" in text or not text.isprintable():
            raise FixInput("version.name", f"{text!r} is no {what}.", "At most 100 characters, no slash, no colon.")
    if record.parent and not DIGEST.fullmatch(record.parent):
        raise FixInput("version.digest", f"{record.parent!r:.80} is no digest.", "It is sha256: and 64 hex digits.")
    if record.parent and not any(
        kept.record.name == record.name for kept in desk.store.list(type(record), about=record.parent).items
    ):
        hint = "Register the earlier version first, or leave the parent out."
        raise FixInput("version.parent", f"{record.name} has no version with that digest.", hint)
