from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from holdfast.canonical import encode
from holdfast.domain.errors import Tampered
from holdfast.domain.evidence import Evidence
from holdfast.domain.provenance import Provenance, Source
from holdfast.domain.verdict import Verdict
from holdfast.ledger.envelope import PAYLOAD_TYPE, keyid, open_sealed, pre_authentication_encoding, seal, statement
from holdfast.testing.pipelines import sample_provenance
from holdfast.testing.runs import sample_evidence, sample_run


class Key:
    def __init__(self, seed: bytes = b"k" * 32) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.name = "test"

    def public_bytes(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self._key.sign(message)


SEALED = seal(sample_evidence(), Key())


def resealed(change, key=None) -> bytes:
    """The sample's statement, changed, signed again: what a dishonest holder of the key could make."""
    body = statement(sample_evidence())
    change(body)
    payload = encode(body)
    signer = key or Key()
    signature = base64.b64encode(signer.sign(pre_authentication_encoding(payload))).decode()
    return json.dumps(
        {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": PAYLOAD_TYPE,
            "signatures": [{"keyid": "", "sig": signature}],
        }
    ).encode()


def test_what_is_sealed_opens_as_the_same_record():
    assert open_sealed(SEALED, Key().public_bytes()) == sample_evidence()


def test_sealing_is_deterministic():
    assert seal(sample_evidence(), Key()) == SEALED


def test_verdicts_seal_and_open_too():
    verdict = sample_run().verdict
    sealed = seal(verdict, Key())
    assert open_sealed(sealed, Key().public_bytes(), Verdict) == verdict
    with pytest.raises(Tampered, match="does not hold"):
        open_sealed(sealed, Key().public_bytes(), Evidence)


def test_subjects_are_the_release_and_its_files():
    subjects = statement(sample_evidence())["subject"]
    assert [s["annotations"]["role"] for s in subjects] == ["release", "model", "test", "train"]
    assert [s["digest"]["sha256"] for s in subjects[1:]] == [m.digest[7:] for m in sample_evidence().materials]


def test_securesystemslib_verifies_the_signature_and_rejects_another_key():
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import VerificationError
    from securesystemslib.signer import SSlibKey

    def theirs(key: Key) -> SSlibKey:
        public = key.public_bytes()
        return SSlibKey(keyid(public), "ed25519", "ed25519", {"public": public.hex()})

    envelope = Envelope.from_dict(json.loads(SEALED))
    assert envelope.pae() == pre_authentication_encoding(envelope.payload)
    assert envelope.verify([theirs(Key())], 1)
    with pytest.raises(VerificationError):
        Envelope.from_dict(json.loads(SEALED)).verify([theirs(Key(b"o" * 32))], 1)


def test_in_toto_accepts_the_statement():
    import google.protobuf.json_format as pb
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Proto

    for record in (sample_evidence(), sample_run().verdict):
        payload = base64.b64decode(json.loads(seal(record, Key()))["payload"])
        Statement.copy_from_pb(pb.Parse(payload, Proto())).validate()


def test_provenance_is_slsa_v1_and_opens_as_the_same_record():
    import google.protobuf.json_format as pb
    from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance as Slsa
    from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
    from in_toto_attestation.v1.statement import Statement
    from in_toto_attestation.v1.statement_pb2 import Statement as Proto

    sealed = seal(sample_provenance(), Key())
    body = json.loads(base64.b64decode(json.loads(sealed)["payload"]))
    assert body["predicateType"] == "https://slsa.dev/provenance/v1"
    Statement.copy_from_pb(pb.ParseDict(body, Proto())).validate()
    slsa = pb.ParseDict(body["predicate"], Slsa())  # refuses any field that SLSA v1 does not have
    for descriptor in (*slsa.build_definition.resolved_dependencies, *slsa.run_details.byproducts):
        ResourceDescriptor.copy_from_pb(descriptor).validate()
    assert open_sealed(sealed, Key().public_bytes(), Provenance) == sample_provenance()


def test_provenance_that_says_more_than_its_record_is_refused():
    body = statement(sample_provenance())
    body["predicate"]["buildDefinition"]["externalParameters"]["approved"] = True
    payload = encode(body)
    signature = base64.b64encode(Key().sign(pre_authentication_encoding(payload))).decode()
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": signature}],
    }
    with pytest.raises(Tampered, match="follow from the record"):
        open_sealed(json.dumps(envelope).encode(), Key().public_bytes(), Provenance)
    with pytest.raises(Tampered, match="does not hold"):
        open_sealed(seal(sample_provenance(), Key()), Key().public_bytes(), Source)


def test_the_signed_bytes_are_those_of_the_specification():
    assert pre_authentication_encoding(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_another_key_is_refused_and_no_key_reads_without_trust():
    with pytest.raises(Tampered) as caught:
        open_sealed(SEALED, Key(b"o" * 32).public_bytes())
    assert caught.value.code == "envelope.signature"
    assert open_sealed(resealed(lambda body: None, Key(b"o" * 32)), None) == sample_evidence()


def test_the_key_id_is_only_a_hint():
    data = json.loads(SEALED)
    data["signatures"] = [{"keyid": "wrong", "sig": "AAAA"}, {**data["signatures"][0], "keyid": "also wrong"}]
    assert open_sealed(json.dumps(data).encode(), Key().public_bytes()) == sample_evidence()


@pytest.mark.parametrize("signatures", [[], None, [None], ["x"], [{}], [{"sig": ""}], [{"sig": "?"}], {}])
def test_without_a_good_signature_nothing_opens(signatures):
    data = {**json.loads(SEALED), "signatures": signatures}
    with pytest.raises(Tampered):
        open_sealed(json.dumps(data).encode(), Key().public_bytes())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda b: b["subject"].pop(), "envelope.inconsistent"),
        (lambda b: b["subject"][1]["digest"].update(sha256="0" * 64), "envelope.inconsistent"),
        (lambda b: b.update(extra=1), "envelope.inconsistent"),
        (lambda b: b.update(predicateType="urn:else"), "envelope.wrong-kind"),
        (lambda b: b.update(_type="https://in-toto.io/Statement/v0.1"), "envelope.wrong-kind"),
        (lambda b: b.update(predicate=None), "envelope.unreadable"),
        (lambda b: b["predicate"].update(seed="7"), "envelope.unreadable"),
        (lambda b: b["predicate"].update(unknown=1), "envelope.unreadable"),
    ],
)
def test_a_statement_that_its_record_does_not_bear_out_is_refused_though_signed(change, code):
    with pytest.raises(Tampered) as caught:
        open_sealed(resealed(change), Key().public_bytes())
    assert caught.value.code == code


def test_a_payload_that_is_not_canonical_is_refused_though_signed():
    payload = json.dumps(statement(sample_evidence()), indent=1).encode()
    signature = base64.b64encode(Key().sign(pre_authentication_encoding(payload))).decode()
    data = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"sig": signature}],
    }
    with pytest.raises(Tampered, match="do not follow"):
        open_sealed(json.dumps(data).encode(), Key().public_bytes())


@pytest.mark.parametrize("text", ['"seed":' + str(2**60), '"seed":1e400', '"effort":"\\ud800"'])
def test_a_value_that_canonical_json_cannot_carry_is_refused(text):
    name = text.partition(":")[0].strip('"')
    old = encode({name: getattr(sample_evidence(), name)}).strip(b"{}")
    payload = encode(statement(sample_evidence())).replace(old, text.encode())
    data = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": []}
    with pytest.raises(Tampered) as caught:
        open_sealed(json.dumps(data).encode(), None)
    assert caught.value.code == "envelope.unreadable"


def test_another_payload_type_is_refused():
    with pytest.raises(Tampered) as caught:
        open_sealed(SEALED.replace(b"vnd.in-toto+json", b"json"), Key().public_bytes())
    assert caught.value.code == "envelope.payload-type"


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"payloadType":'])
def test_what_is_no_envelope_is_refused(data):
    with pytest.raises(Tampered):
        open_sealed(data, None)


@settings(max_examples=150, deadline=None)
@given(at=st.integers(0, len(SEALED) - 1), byte=st.integers(0, 255))
def test_no_changed_byte_opens_as_another_record(at, byte):
    changed = SEALED[:at] + bytes([byte]) + SEALED[at + 1 :]
    try:
        opened = open_sealed(changed, Key().public_bytes())
    except Tampered:
        return
    assert opened == sample_evidence()


@pytest.mark.parametrize("end", [1, 100, len(SEALED) // 2, len(SEALED) - 1])
def test_a_cut_file_is_refused(end):
    with pytest.raises(Tampered):
        open_sealed(SEALED[:end], Key().public_bytes())


def test_evidence_about_an_in_memory_model_has_the_release_as_its_subject():
    bare = replace(sample_evidence(), materials=())
    assert [s["annotations"]["role"] for s in statement(bare)["subject"]] == ["release"]
