"""Every way to read a text: its plain form, and what is hidden in it by an encoding, an encoding of that, and so on."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice

from holdfast.text.decoders import DECODERS, TURNED, decodable, smuggled
from holdfast.text.normalise import normalise
from holdfast.text.offsets import Backwards, Edit, Places, original, rewritten


@dataclass(frozen=True, slots=True)
class Limits:
    """How far decoding goes: encodings within one another, views in all, and characters kept around what was decoded.

    No view is longer than four times the text, so that the work is bounded too.
    """

    depth: int = 3
    views: int = 24
    around: int = 160


@dataclass(frozen=True, slots=True)
class View:
    """One way to read a text: `how` names what was undone, the outermost first; nothing for the plain form.

    `is_cut` says that more was encoded in it than the limits let us undo.
    """

    how: tuple[str, ...]
    text: str
    chain: tuple[Places, ...] = ()
    is_cut: bool = False

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where in the text as given these characters stood."""
        return original(self.chain, start, end)


SHORT = 20_000
"""Characters of a text whose views are kept until the next one: several guards ask for those of the same text."""


def views(text: str, limits: Limits = Limits()) -> tuple[View, ...]:
    """The plain form first, then what each decoder finds, in the order in which it was found; each only once.

    A decoder that reads stretches (base 64, hexadecimal, HTML, ...) gives them with what stands around. One that turns
    the whole text (rot13, leetspeak, reversed) gives all of it, where it has letters: whether that says anything is for
    the caller to judge. All are in plain form.
    """
    return _views_kept(text, limits) if len(text) <= SHORT else _views(text, limits)


def _views(text: str, limits: Limits) -> tuple[View, ...]:
    normal = normalise(text)
    found = [View((), normal.text, normal.chain)]
    seen = {normal.text}
    waiting = [found[0], *_smuggled(text, limits)]
    found += waiting[1:]
    for view in waiting:
        for new in _readings(view, limits):
            if new.text in seen or not new.text.strip():
                continue
            if len(found) >= limits.views or len(new.how) > limits.depth:
                found[found.index(view)] = replace(view, is_cut=True)
                break
            seen.add(new.text)
            found.append(new)
            waiting.append(new)
    return tuple(found)


_views_kept = lru_cache(maxsize=4)(_views)


def _readings(view: View, limits: Limits) -> Iterator[View]:
    last = view.how[-1] if view.how else ""
    for name in decodable(view.text):
        if last not in TURNED or (name in _BLOBS and last != "leetspeak"):
            yield from _decoded(view, name, DECODERS[name](view.text), limits)
    if not any(name in TURNED for name in view.how) and len(view.how) < limits.depth:
        for name, turn in TURNED.items():
            if _TURNS[name].search(view.text):
                yield _turned(view, name, turn(view.text))


_BLOBS = frozenset({"base64", "base32", "hex"})
_TURNS = {
    "rot13": re.compile("[A-Za-z]{3}"),
    "leetspeak": re.compile(r"[013457@$!|€+£](?:(?<=[A-Za-z].)|(?<![A-Za-z0-9].))[A-Za-z]"),
    "reversed": re.compile(r"[^\W\d_]{3}"),
}


def _decoded(view: View, name: str, edits: Iterable[Edit], limits: Limits) -> Iterator[View]:
    made = list(edits)
    if made:
        text, places = rewritten(view.text, made, _stretches(made, len(view.text), limits.around))
        yield _plain((*view.how, name), text, (*view.chain, places))


def _smuggled(text: str, limits: Limits) -> Iterator[View]:
    if text and max(text) >= "\ufe00":
        yield from _decoded(View((), text), "smuggled", smuggled(text), limits)


def _stretches(edits: list[Edit], length: int, around: int) -> Iterator[tuple[int, int]]:
    """What lies around each edit, those that meet as one."""
    begin, finish = max(0, edits[0][0] - around), edits[0][1] + around
    for start, end, _new in islice(edits, 1, None):
        if start - around > finish:
            yield begin, finish
            begin = start - around
        finish = end + around
    yield begin, min(finish, length)


def _turned(view: View, name: str, text: str) -> View:
    how = (*view.how, name)
    if name == "reversed":
        return View(how, text, (*view.chain, Backwards(len(text))))
    return _plain(how, text, view.chain)


def _plain(how: tuple[str, ...], text: str, chain: tuple[Places, ...]) -> View:
    normal = normalise(text)
    return View(how, normal.text, (*chain, *normal.chain))
