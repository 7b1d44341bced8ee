"""Ordinary long texts: what packages that the lock file pins say of themselves, in docstrings, read-mes and code.

The labelled ordinary texts are short: a head that learned from them alone takes every page of prose for a jailbreak.
All of these packages are under BSD or MIT licences. With the same lock file the texts are the same.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

PACKAGES = (
    *("numpy", "scipy", "scikit-learn", "pandas", "sqlalchemy", "fastapi", "pydantic", "httpx", "rich", "jinja2"),
    *("shap", "joblib"),
)
SHARES = {"docstring": 0.1, "read-me": 0.8, "code": 0.03}
"""How much of each kind is taken, by the digest of the piece."""


def pieces() -> Iterator[tuple[str, str]]:
    """(kind, text) of pieces of 30 to 150 words, in an order that is always the same."""
    for package in PACKAGES:
        installed = distribution(package)
        for piece in _pieces(str(installed.metadata.get_payload() or installed.metadata["Description"] or "")):
            if _is_taken(piece, SHARES["read-me"]):
                yield "read-me", piece
        files = sorted(str(file) for file in installed.files or () if file.suffix == ".py" and "test" not in str(file))
        for file in files:
            yield from _of_source(Path(str(installed.locate_file(file))).read_text(encoding="utf-8", errors="ignore"))


def _of_source(source: str) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            for piece in _pieces(ast.get_docstring(node) or ""):
                if _is_taken(piece, SHARES["docstring"]):
                    yield "docstring", piece
    lines = source.splitlines()
    for at in range(0, len(lines), 30):
        piece = "\n".join(lines[at : at + 30])
        if len(piece) > 300 and _is_taken(piece, SHARES["code"]):
            yield "code", piece


def _pieces(text: str) -> Iterator[str]:
    """A text cut at the ends of words, 30 to 150 of them, by a size that its digest chooses."""
    size = 30 + int(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6], 16) % 120
    words = list(re.finditer(r"\S+", text))
    for first in range(0, len(words), size):
        some = words[first : first + size]
        if len(some) >= 30:
            yield text[some[0].start() : some[-1].end()]


def _is_taken(piece: str, share: float) -> bool:
    digest = hashlib.sha256(b"taken" + piece.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) < share * 2**64
