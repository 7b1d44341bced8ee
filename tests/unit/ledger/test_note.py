"""Signed notes and checkpoints, with the example that Go's own package publishes."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from holdfast.domain.errors import FixInput, Tampered
from holdfast.ledger.note import Checkpoint, Key, open_checkpoint, open_note
from holdfast.ledger.publish import sign_checkpoint
from holdfast.storage.keys import Ed25519Signer

GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
GO_NOTE = f"{GO_TEXT}\n— PeterNeumann {GO_SIGNATURE}\n".encode()


@pytest.fixture
def signer() -> Ed25519Signer:
    return Ed25519Signer("example.com/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


def key_of(signer: Ed25519Signer) -> Key:
    return Key(signer.name, signer.public_bytes())


def test_the_note_that_go_signed_verifies() -> None:
    key = Key.from_vkey(GO_VKEY)
    assert key.vkey == GO_VKEY
    assert open_note(GO_NOTE, key) == GO_TEXT


@pytest.mark.parametrize("at", range(len(GO_NOTE)))
def test_every_flipped_byte_of_a_note_is_caught(at: int) -> None:
    changed = GO_NOTE[:at] + bytes([GO_NOTE[at] ^ 1]) + GO_NOTE[at + 1 :]
    with pytest.raises(Tampered):
        open_note(changed, Key.from_vkey(GO_VKEY))


def test_signatures_of_strangers_are_passed_over_but_not_enough() -> None:
    stranger = "— somebody.else " + base64.b64encode(bytes(68)).decode() + "\n"
    assert open_note(GO_NOTE + stranger.encode(), Key.from_vkey(GO_VKEY)) == GO_TEXT
    with pytest.raises(Tampered, match="carries no signature of PeterNeumann"):
        open_note(f"{GO_TEXT}\n{stranger}".encode(), Key.from_vkey(GO_VKEY))


def test_a_bad_second_signature_of_the_same_key_rejects_the_note() -> None:
    bad = base64.b64encode(Key.from_vkey(GO_VKEY).id + bytes(64)).decode()
    with pytest.raises(Tampered, match="does not verify"):
        open_note(GO_NOTE + f"— PeterNeumann {bad}\n".encode(), Key.from_vkey(GO_VKEY))


@pytest.mark.parametrize(
    "note",
    [b"", b"\n", b"text\n", b"text\n\n", GO_NOTE[:-1], GO_NOTE + b"x", GO_NOTE + b"\n", b"\xff", b"\0" + GO_NOTE],
)
def test_what_is_no_note_is_said_to_be_none(note: bytes) -> None:
    with pytest.raises(Tampered):
        open_note(note, Key.from_vkey(GO_VKEY))


def test_a_checkpoint_comes_back_as_it_was_signed(signer: Ed25519Signer) -> None:
    checkpoint = Checkpoint("example.com/log", 20852163, bytes(range(32)))
    note = sign_checkpoint(checkpoint, signer)
    assert note.startswith(b"example.com/log\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n\n\xe2\x80\x94 ")
    assert open_checkpoint(note, key_of(signer)) == checkpoint


@pytest.mark.parametrize(
    "text", ["origin\n", "origin\n01\n" + "A" * 43 + "=\n", "origin\n-1\n" + "A" * 43 + "=\n", "origin\n1\nAAAA\n"]
)
def test_a_signed_note_that_is_no_checkpoint_is_refused(signer: Ed25519Signer, text: str) -> None:
    signature = base64.b64encode(key_of(signer).id + signer.sign(text.encode())).decode()
    with pytest.raises(Tampered, match="is no checkpoint"):
        open_checkpoint(f"{text}\n— {signer.name} {signature}\n".encode(), key_of(signer))


@pytest.mark.parametrize(
    "vkey", ["", "name", "name+00000000+AAAA", GO_VKEY[:-4], GO_VKEY.replace("Peter", "Paul"), "a+b+c+d", "a b+00+AA=="]
)
def test_a_vkey_that_was_retyped_wrongly_is_refused(vkey: str) -> None:
    with pytest.raises(FixInput):
        Key.from_vkey(vkey)


@pytest.mark.parametrize("name", ["", "two words", "a+b", "line\nbreak", "no\u2003space"])
def test_key_names_that_notes_cannot_carry_are_refused(name: str) -> None:
    with pytest.raises(FixInput):
        Key(name, bytes(32))
