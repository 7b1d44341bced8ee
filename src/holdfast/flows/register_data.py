"""Know: data sets and prompts enter the inventory as versions, each bound to a digest that never changes."""

from __future__ import annotations

import re
from typing import TypeVar

from holdfast import canonical
from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.dataset import Admission, DatasetVersion, PromptVersion
from holdfast.domain.errors import FixInput
from holdfast.flows.desk import Caller, Desk, require
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
    """
    require(caller, Permission.REGISTER_RELEASES)
    if not is_trusted(desk, sealer):
        raise FixInput("dataset.sealer", "Nobody here trusts the key that sealed this.", "Ask IT to trust the sealer.")
    admission = open_sealed(envelope, bytes.fromhex(sealer), Admission)
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
    return _enter(desk, caller, Verb.REGISTER_DATASET, record)


def register_prompt(
    desk: Desk, caller: Caller, name: str, version: str, data: bytes, *, parent: str = ""
) -> Kept[PromptVersion]:
    """Enter a prompt; its bytes are kept under their digest."""
    require(caller, Permission.REGISTER_RELEASES)
    if not 0 < len(data) <= MOST_PROMPT_BYTES:
        raise FixInput("prompt.size", f"The prompt has {len(data)} bytes.", f"At most {MOST_PROMPT_BYTES:,}, and some.")
    record = PromptVersion(name, version, canonical.digest_bytes(data), parent)
    _require_sound(desk, record)
    desk.blobs.put(data)
    return _enter(desk, caller, Verb.REGISTER_PROMPT, record)


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
