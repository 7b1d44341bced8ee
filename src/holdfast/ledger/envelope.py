"""Sealed records: an in-toto Statement v1 about exact files, in a DSSE v1 envelope signed with Ed25519.

Formats: in-toto/attestation ``spec/v1/statement.md`` and ``resource_descriptor.md``; secure-systems-lab/dsse
``envelope.md`` and ``protocol.md``. The payload is RFC 8785 JSON, so a record has one sealed form and one digest.
Needs only the standard library, `cryptography`, `domain` and `canonical`: the offline verifier opens envelopes too.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import Any, TypeVar

from holdfast.canonical import encode, plain, rebuild
from holdfast.domain.clearance import Clearance
from holdfast.domain.dataset import Admission
from holdfast.domain.errors import FixInput, Tampered
from holdfast.domain.evidence import Evidence
from holdfast.domain.provenance import Provenance, Source
from holdfast.domain.verdict import Verdict
from holdfast.domain.watch import Baseline
from holdfast.ledger import slsa
from holdfast.ledger.note import NoteSigner

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATES: dict[type, str] = {
    Evidence: "urn:holdfast:evidence:v1",
    Verdict: "urn:holdfast:verdict:v1",
    Provenance: slsa.PREDICATE_TYPE,
    Source: "urn:holdfast:source:v1",
    Admission: "urn:holdfast:admission:v1",
    Clearance: "urn:holdfast:clearance:v1",
    Baseline: "urn:holdfast:baseline:v1",
}
"""The kinds of record that can be sealed, and the predicate type that says so."""

Sealable = Evidence | Verdict | Provenance | Source | Admission | Clearance | Baseline
Record = TypeVar("Record", Evidence, Verdict, Provenance, Source, Admission, Clearance, Baseline)
Json = dict[str, Any]


def seal(record: Sealable, signer: NoteSigner) -> bytes:
    """The record as a signed envelope. The same record and key give the same bytes (Ed25519 is deterministic)."""
    payload = encode(statement(record))
    signature = signer.sign(pre_authentication_encoding(payload))
    signed = {"keyid": keyid(signer.public_bytes()), "sig": _base64(signature)}
    return encode({"payload": _base64(payload), "payloadType": PAYLOAD_TYPE, "signatures": [signed]})


def statement(record: Sealable) -> Json:
    """The in-toto Statement: which digests the record is about, and the record itself as its predicate."""
    return {
        "_type": STATEMENT_TYPE,
        "subject": slsa.subjects(record) if isinstance(record, Provenance) else _subjects(record),
        "predicateType": PREDICATES[type(record)],
        "predicate": slsa.predicate(record) if isinstance(record, Provenance) else plain(record),
    }


def _subjects(record: Evidence | Verdict | Source | Admission | Clearance | Baseline) -> list[Json]:
    """What a record is about, by name, digest, role and media type."""
    match record:
        case Evidence():
            named = [(record.system, record.release, "release", "application/json")]
            named += [(m.name, m.digest, m.role, m.media_type) for m in record.materials]
        case Verdict():
            named = [
                (record.system, record.release, "release", "application/json"),
                ("evidence", record.evidence, "evidence", "application/json"),
                ("appetite", record.appetite, "appetite", "application/json"),
            ]
        case Source():
            named = [(record.name, record.digest, "data", "application/octet-stream")]
        case Clearance():
            named = [(one.system, one.release, "release", "application/json") for one in record.cleared]
        case Baseline():
            named = [
                ("release", record.release, "release", "application/json"),
                ("held-out data", record.data, "data", "application/octet-stream"),
            ]
        case Admission():
            named = [
                (record.name, record.digest, "data", "application/octet-stream"),
                ("contract", record.contract, "contract", "application/json"),
            ]
    return [
        {
            "name": name,
            "digest": {"sha256": digest.removeprefix("sha256:")},
            "mediaType": media_type,
            "annotations": {"role": role},
        }
        for name, digest, role, media_type in named
        if digest.startswith("sha256:")
    ]


def open_sealed(data: bytes, public_key: bytes | None, kind: type[Record] = Evidence) -> Record:  # type: ignore[assignment]
    """The record in an envelope, after every check; Tampered where one fails.

    `public_key` is the sealer's raw 32-byte Ed25519 key. None reads without trusting: everything is checked but the
    signature.
    """
    # 1. The envelope is one, and carries an in-toto statement.
    envelope = _object(data, "envelope")
    payload = _envelope_payload(envelope)
    # 2. The key signed exactly this payload.
    if public_key is not None:
        _verify(envelope, payload, public_key)
    # 3. The statement holds a record of the kind asked for.
    sealed = _object(payload, "statement")
    if sealed.get("_type") != STATEMENT_TYPE or sealed.get("predicateType") != PREDICATES[kind]:
        found = f"{sealed.get('predicateType')!r:.80}"
        raise Tampered(
            "envelope.wrong-kind",
            f"This envelope does not hold {PREDICATES[kind]}, but {found}.",
            "Is it another file?",
        )
    record = _record(kind, sealed)
    # 4. Nothing stands beside the record: subjects follow from it, and the bytes are its canonical form.
    if _canonical(record) != payload:
        raise Tampered(
            "envelope.inconsistent",
            "The statement's subjects or bytes do not follow from the record that it holds.",
            "Do not rely on it; keep a copy and ask whoever sealed it.",
        )
    return record


def kind_in(data: bytes) -> type[Sealable]:
    """The kind of record that an envelope says it holds, which nothing vouches for before it is opened."""
    said = _object(_envelope_payload(_object(data, "envelope")), "statement").get("predicateType")
    found = next((kind for kind, predicate in PREDICATES.items() if predicate == said), None)
    if found is None:
        raise Tampered("envelope.wrong-kind", f"This envelope holds {said!r:.80}, which nothing here seals.")
    return found


def keyid(public_key: bytes) -> str:
    """The hint by which a signature names its key: the SHA-256 of the raw key, in hex."""
    return hashlib.sha256(public_key).hexdigest()


def pre_authentication_encoding(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """The bytes that are signed (DSSE ``protocol.md``, PAE): type and payload, each with its length."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _object(data: bytes, what: str) -> Json:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _unreadable(what) from error
    if not isinstance(value, dict):
        raise _unreadable(what)
    return value


def _envelope_payload(envelope: Json) -> bytes:
    if envelope.get("payloadType") != PAYLOAD_TYPE:
        raise Tampered("envelope.payload-type", "The envelope does not declare an in-toto statement.")
    return _decoded(envelope.get("payload"))


def _verify(envelope: Json, payload: bytes, public_key: bytes) -> None:
    """At least one signature by `public_key`. The key id is a hint and decides nothing (DSSE ``protocol.md``)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    key = Ed25519PublicKey.from_public_bytes(public_key)
    signatures = envelope.get("signatures")
    for signature in signatures if isinstance(signatures, list) else []:
        if not isinstance(signature, dict):
            continue
        try:
            key.verify(_decoded(signature.get("sig")), pre_authentication_encoding(payload))
        except InvalidSignature:
            continue
        return
    raise Tampered(
        "envelope.signature",
        f"No signature in the envelope was made by the key {keyid(public_key)[:12]} over this content.",
        "It was changed, or sealed by somebody else.",
    )


def _record(kind: type[Record], sealed: Json) -> Record:
    try:
        if kind is Provenance:
            return slsa.provenance(sealed)
        return rebuild(kind, sealed.get("predicate"))  # type: ignore[no-any-return]
    except (FixInput, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _unreadable("record") from error


def _canonical(record: Sealable) -> bytes:
    try:
        return encode(statement(record))
    except ValueError as error:  # a number or text that canonical JSON cannot carry
        raise _unreadable("record") from error


def _decoded(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise _unreadable("envelope") from error


def _unreadable(what: str) -> Tampered:
    return Tampered(
        "envelope.unreadable", f"The sealed {what} cannot be read.", "Was the file cut short, or edited by hand?"
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
