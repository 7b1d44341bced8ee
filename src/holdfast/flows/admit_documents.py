"""The gate of an index: documents come in only if nothing in them gives orders to a model or crowds others out.

read → guards on each → what a reader would not see → near-copies → verdict, with the failing ones set aside. What is
kept carries where it comes from, by digest, so that whoever finds it again can ask.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdfast import canonical
from holdfast.datasets.read import digest_file
from holdfast.domain.dataset import Admission, Objection
from holdfast.domain.errors import FixInput
from holdfast.domain.provenance import Source
from holdfast.domain.verdict import Outcome, timestamp
from holdfast.flows.desk import stated
from holdfast.flows.guard_text import MOST_CHARACTERS, TextGuards, read_lines
from holdfast.ports import Clock
from holdfast.text.copies import near_copies
from holdfast.text.views import views

PLAIN = (".txt", ".md", ".rst", ".html", ".htm")
GUARDS = ("injection", "secrets")
ROLE = "document"

_UNSEEN = re.compile(
    r"""<[^>]{0,500}\b(?:hidden\b|aria-hidden\s*=\s*["']?true|style\s*=\s*["'][^"'>]{0,300}(?:display\s*:\s*none|"""
    r"""visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0*)?\s*(?:[;"'])|font-size\s*:\s*0))""",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\s*([^.?!\n]{20,300}\?)")


@dataclass(frozen=True, slots=True)
class Limits:
    """How many documents may say nearly the same (`copies`), at which share of their words (`alike`), and how many may
    begin with the same question and go on differently (`openings`).
    """

    copies: int = 3
    alike: float = 0.5
    openings: int = 3


@dataclass(frozen=True, slots=True)
class Offer:
    """Documents that somebody wants to bring into an index: a file of JSON lines with `text`, or texts in a folder."""

    path: Path
    name: str
    where: str
    licence: str
    actor: str
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True)
class Document:
    """One entry: its text, and whatever else its line says."""

    text: str
    more: Mapping[str, Any]

    @property
    def digest(self) -> str:
        """Of its text."""
        return canonical.digest_bytes(self.text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True)
class Answer:
    """The admission; what is kept, with its provenance; and what is set aside, with the reasons."""

    admission: Admission
    kept: tuple[Mapping[str, Any], ...]
    held: tuple[Mapping[str, Any], ...]


def admit(offer: Offer, clock: Clock) -> Answer:
    """Judge documents. FixInput where they cannot be read, or where nobody says whence they come and on what terms."""
    stated(offer.where, "source (--from)")
    stated(offer.licence, "licence (--licence)")
    documents, now = tuple(read_documents(offer.path)), timestamp(clock())
    if not documents:
        raise FixInput("documents.none", f"There are no documents in {offer.path}.", "Offer at least one.")
    against = _against(documents, offer.limits)
    digest = _digest(offer.path, documents)
    admission = Admission(
        name=offer.name,
        digest=digest,
        contract=canonical.digest(offer.limits),
        baseline="",
        source=Source(offer.name, digest, offer.where, offer.licence, offer.actor, now),
        outcome=Outcome.BREACH if any(against) else Outcome.PASS,
        objections=_objections(against),
        rows=len(documents),
        quarantined=sum(map(bool, against)),
        judged_at=now,
    )
    provenance = {"corpus": digest, "name": offer.name, "from": offer.where, "admission": canonical.digest(admission)}
    kept, held = list[Mapping[str, Any]](), list[Mapping[str, Any]]()
    for one, why in zip(documents, against, strict=True):
        if why:
            held.append({**one.more, "held because": [sentence for _, sentence in why]})
        else:
            kept.append({**one.more, "provenance": {**provenance, "digest": one.digest}})
    return Answer(admission, tuple(kept), tuple(held))


Why = list[tuple[str, str]]
"""Of one document: names of checks that it failed, each with a sentence."""


def _against(documents: Sequence[Document], limits: Limits) -> list[Why]:
    guards = TextGuards(GUARDS)
    against: list[Why] = [_alone(document, guards) for document in documents]
    texts = [document.text for document in documents]
    for group in near_copies(texts, limits.alike):
        for place in group[limits.copies :]:
            against[place].append(("copies", f"It says nearly what {len(group) - 1} others say."))
    for alike in _same_openings(texts):
        if len(alike) > limits.openings:
            for place in alike:
                against[place].append(("openings", f"{len(alike)} documents begin with the same question."))
    return against


def _alone(document: Document, guards: TextGuards) -> Why:
    """What is wrong with a document by itself."""
    found = guards.read(document.text, ROLE)
    why = [(one.guard, f"{one.because or 'It was found'}.".capitalize()) for one in found.verdicts if one.action.rank]
    if _UNSEEN.search(document.text):
        why.append(("unseen", "Its markup hides text from readers."))
    if any("smuggled" in view.how for view in views(document.text)):
        why.append(("unseen", "It holds characters that spell something and show nothing."))
    return why


def _same_openings(texts: Sequence[str]) -> Iterator[list[int]]:
    """Places of texts that begin with the same question: which is how one is made to be found (arXiv 2402.07867)."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        opening = _QUESTION.match(text)
        if opening:
            found[" ".join(opening[1].casefold().split())].append(place)
    return (group for group in found.values() if len(group) > 1)


def _objections(against: Sequence[Why]) -> tuple[Objection, ...]:
    """Each check that some failed, with how many."""
    failed: defaultdict[str, int] = defaultdict(int)
    said: dict[str, str] = {}
    for why in against:
        for check, sentence in dict(why).items():
            failed[check] += 1
            said.setdefault(check, sentence)
    return tuple(Objection(check, Outcome.BREACH, said[check], rows=failed[check]) for check in sorted(failed))


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of a file of JSON lines, or of a folder of texts; FixInput where one cannot be read."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and file.suffix.lower() in PLAIN:
                text = file.read_text(encoding="utf-8", errors="replace")
                yield _document({"text": text, "path": str(file.relative_to(path))}, file.name)
        return
    if not path.is_file():
        raise FixInput("documents.absent", f"There is no {path}.", "Name a file of JSON lines, or a folder of texts.")
    with path.open("rb") as stream:
        for number, told in read_lines(stream):
            yield _document(told, f"Line {number}")


def _document(told: Mapping[str, Any], which: str) -> Document:
    if len(told["text"]) > MOST_CHARACTERS:
        raise FixInput("documents.long", f"{which} has more than {MOST_CHARACTERS:,} characters.", "Split it.")
    return Document(told["text"], told)


def _digest(path: Path, documents: Sequence[Document]) -> str:
    return digest_file(path) if path.is_file() else canonical.digest([document.digest for document in documents])
