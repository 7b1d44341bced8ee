"""Tokens that stand for what a model need not see, and that only this installation can turn back.

A token is its content, encrypted (AES-SIV, RFC 5297): nothing is kept, so any gateway with the same key reads it. The
same content of the same caller is the same token in each turn, so that a model can tell people apart. It opens for the
credential and the subject that it was made for, and for nobody else.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from holdfast.guards.passages import Conversation

MOST = 400
"""Characters of what a token stands for, at most; longer content is masked."""

_TOKEN = re.compile(r"⟦([A-Z_]{2,20}):([A-Za-z0-9_-]{22,2200})⟧")
_BEGUN = re.compile(r"⟦[A-Z_]{0,20}(?::[A-Za-z0-9_-]{0,2200})?")
LONGEST = 2_224


class Tokens:
    """The tokens of one caller: what does not open is none of theirs."""

    def __init__(self, conversation: Conversation) -> None:
        kdf = HKDF(hashes.SHA256(), 64, salt=None, info=b"holdfast tokens 1")
        self._cipher = AESSIV(kdf.derive(conversation.key))
        self._whose = [conversation.principal.encode(), conversation.subject.encode()]

    def make(self, kind: str, content: str) -> str:
        """The token of a content, of a kind in capitals and underscores."""
        sealed = self._cipher.encrypt(content.encode("utf-8", "surrogatepass"), [kind.encode(), *self._whose])
        return f"⟦{kind}:{urlsafe_b64encode(sealed).rstrip(b'=').decode()}⟧"

    def open(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Where this caller's tokens stand in a text, and what each stands for."""
        for match in _TOKEN.finditer(text):
            content = self._content(match[1], match[2])
            if content is not None:
                yield match.start(), match.end(), content

    @staticmethod
    def begun(text: str) -> int | None:
        """Where a token begins that may go on behind the end of the text."""
        start = text.rfind("⟦", max(0, len(text) - LONGEST))
        return start if start >= 0 and _BEGUN.fullmatch(text, start) else None

    def _content(self, kind: str, coded: str) -> str | None:
        try:
            sealed = urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
            return self._cipher.decrypt(sealed, [kind.encode(), *self._whose]).decode("utf-8", "surrogatepass")
        except (ValueError, InvalidTag):
            return None


def can_be_made(conversation: Conversation) -> bool:
    """Whether there is a key, and somebody whose tokens they would be."""
    return bool(conversation.key) and bool(conversation.principal or conversation.subject)
