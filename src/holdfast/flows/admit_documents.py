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
from holdfast.text.corpus import Chunk, chunked, crowds
from holdfast.text.rules import Rules
from holdfast.text.views import views

PLAIN = (".txt", ".md", ".rst", ".html", ".htm")
GUARDS = ("injection", "secrets")
ROLE = "document"

_UNSEEN = {
    "hidden": r"""<[a-z][^<>]*\s(?:hidden(?:\s|=|/?>)|aria-hidden\s*=\s*["']?true)""",
    "style": r"""<[a-z][^<>]*\sstyle\s*=\s*["'][^<>]*(?:display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|"""
    r"""opacity\s*:\s*0(?:\.0*)?\s*[;"'])""",
}
"""How markup hides text, by RE2: whoever wrote the document chose what a pattern has to go through."""
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
class Entry:
    """A chunk as it would be found, and whatever else its line says."""

    chunk: Chunk
    more: Mapping[str, Any]


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
    entries, now = tuple(read_entries(offer.path)), timestamp(clock())
    if not entries:
        raise FixInput("documents.none", f"There are no documents in {offer.path}.", "Offer at least one.")
    against = _against([entry.chunk for entry in entries], offer.limits)
    digest = _digest(offer.path, entries)
    admission = Admission(
        name=offer.name,
        digest=digest,
        contract=canonical.digest(offer.limits),
        baseline="",
        source=Source(offer.name, digest, offer.where, offer.licence, offer.actor, now),
        outcome=Outcome.BREACH if any(against) else Outcome.PASS,
        objections=_objections(against),
        rows=len(entries),
        quarantined=sum(map(bool, against)),
        judged_at=now,
    )
    provenance = {"corpus": digest, "name": offer.name, "from": offer.where, "admission": canonical.digest(admission)}
    kept, held = list[Mapping[str, Any]](), list[Mapping[str, Any]]()
    for one, why in zip(entries, against, strict=True):
        if why:
            held.append({**one.more, "held because": [sentence for _, sentence in why]})
        else:
            kept.append({**one.more, "provenance": {**provenance, "digest": f"sha256:{one.chunk.digest}"}})
    return Answer(admission, tuple(kept), tuple(held))


Why = list[tuple[str, str]]
"""Of one document: names of checks that it failed, each with a sentence."""


def _against(chunks: Sequence[Chunk], limits: Limits) -> list[Why]:
    guards, unseen = TextGuards(GUARDS), Rules(_UNSEEN)
    against: list[Why] = [_alone(chunk.text, guards, unseen) for chunk in chunks]
    for crowd in crowds(chunks, limits.alike, limits.copies + 1):
        for place in crowd.chunks[limits.copies :]:
            against[place].append(("copies", f"It says nearly what {len(crowd.chunks) - 1} others say."))
    for alike in _same_openings([chunk.text for chunk in chunks]):
        if len(alike) > limits.openings:
            for place in alike:
                against[place].append(("openings", f"{len(alike)} documents begin with the same question."))
    return against


def _alone(text: str, guards: TextGuards, unseen: Rules) -> Why:
    """What is wrong with a chunk by itself."""
    found = guards.read(text, ROLE)
    why = [(one.guard, f"{one.because or 'It was found'}.".capitalize()) for one in found.verdicts if one.action.rank]
    if unseen.which(text):
        why.append(("unseen", "Its markup hides text from readers."))
    if any("smuggled" in view.how for view in views(text)):
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


def read_entries(path: Path) -> Iterator[Entry]:
    """The lines of a file of JSON, each a chunk, or the chunks of the texts in a folder; FixInput where one cannot be
    read.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and file.suffix.lower() in PLAIN:
                yield from _of_file(file, str(file.relative_to(path)))
        return
    if not path.is_file():
        raise FixInput("documents.absent", f"There is no {path}.", "Name a file of JSON lines, or a folder of texts.")
    with path.open("rb") as stream:
        for number, told in read_lines(stream):
            text = _bounded(told["text"], f"Line {number}")
            yield Entry(Chunk(str(number), path.name, 0, len(text), text), told)


def _of_file(file: Path, name: str) -> Iterator[Entry]:
    for chunk in chunked(name, name, _bounded(file.read_text(encoding="utf-8", errors="replace"), name)):
        yield Entry(chunk, {"text": chunk.text, "path": name, "start": chunk.start, "end": chunk.end})


def _bounded(text: str, which: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise FixInput("documents.long", f"{which} has more than {MOST_CHARACTERS:,} characters.", "Split it.")
    return text


def _digest(path: Path, entries: Sequence[Entry]) -> str:
    return digest_file(path) if path.is_file() else canonical.digest([entry.chunk.digest for entry in entries])
