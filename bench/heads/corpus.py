"""What the heads learn from: texts that others labelled, where they are, and texts spun from templates of our own."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.heads.spinning import said_otherwise, spin

DATA = Path(__file__).parents[3] / "shared" / "data" / "prompts"
HELD_OUT = 0.2


def _templates(name: str) -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_name(f"{name}.yaml").read_text(encoding="utf-8"))


ATTACKS, ORDINARY, TONGUES = (_templates(name) for name in ("attacks", "ordinary", "tongues"))


@dataclass(frozen=True, slots=True)
class Example:
    """A text, whether it is an attack, where it comes from, and whether a user says it or something read holds it."""

    text: str
    is_attack: bool
    source: str
    told: bool = True

    @property
    def is_held_out(self) -> bool:
        """One text in five, by its digest: no head is trained on it, and thresholds are fixed on it."""
        digest = hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8]) < HELD_OUT * 2**64


def labelled(file: Path = DATA / "train.jsonl.gz") -> list[Example]:
    """The texts of the file, each once; FileNotFoundError where it is not there."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return list(dict.fromkeys(Example(row["text"], row["label"] == 1, row["source"]) for row in rows))


def telling(examples: Iterable[Example], most: int = 400) -> tuple[str, ...]:
    """Words of which attacks are full and ordinary texts are not, the most telling first, by the odds of either.

    Ordinary sentences are spun around them, so that none of them is held against a text by itself.
    """
    attack, ordinary = Counter[str](), Counter[str]()
    for example in examples:
        (attack if example.is_attack else ordinary).update(set(re.findall(r"[a-z]{3,14}", example.text.lower())))
    odds = {word: (n + 1) / (ordinary[word] + 5) for word, n in attack.items() if n >= 8}
    return tuple(sorted(odds, key=lambda word: (-odds[word], word))[:most])


def spun(seed: int, words: tuple[str, ...], times: float = 1.0) -> list[Example]:
    """Texts of our own: told by users, and read in documents with and without orders to the model that reads them.

    `words` are the telling ones.
    """
    rng = random.Random(seed)
    made = [*_told(rng, words, times), *_tongues(rng, times), *_read(rng, times)]
    return list(dict.fromkeys(made))


def _told(rng: random.Random, words: tuple[str, ...], times: float) -> Iterator[Example]:
    names = ORDINARY["names"] | {"telling": words}
    for family, templates in ATTACKS["direct"].items():
        for _ in range(int(500 * times)):
            text = said_otherwise(spin(rng.choice(templates), ATTACKS["names"], rng), rng)
            yield Example(text, True, f"spun: {family}")
    shares = {"any": 5000, "lookalike": 3000, "ordinary": 1500, "role": 2500, "security": 500, "with a document": 1500}
    for family, templates in ORDINARY["told"].items():
        for _ in range(int(shares[family] * times)):
            text = _at_times_loud(spin(rng.choice(templates), names, rng), rng)
            yield Example(said_otherwise(text, rng), False, f"spun: {family}")


def _at_times_loud(text: str, rng: random.Random) -> str:
    """With a word in capitals, as people stress it."""
    words = text.split(" ")
    if rng.random() < 0.15:
        at = rng.randrange(len(words))
        words[at] = words[at].upper()
    return " ".join(words)


def _tongues(rng: random.Random, times: float) -> Iterator[Example]:
    for tongue, families in TONGUES.items():
        for family, templates in families.items():
            is_attack = family in ("override", "extract", "persona")
            names = ATTACKS["names"] if is_attack else ORDINARY["names"]
            for _ in range(int((40 if is_attack else 90) * times)):
                yield Example(spin(rng.choice(templates), names, rng), is_attack, f"spun: {tongue}")


def _read(rng: random.Random, times: float) -> Iterator[Example]:
    """Documents, some with orders planted at their beginning, in the middle or at their end; and such orders alone."""
    for family, templates in ORDINARY["documents"].items():
        for _ in range(int(700 * times)):
            document = spin(rng.choice(templates), ORDINARY["names"], rng)
            yield Example(document, False, f"spun: {family} read", told=False)
            yield Example(_planted(document, _order(rng), rng), True, f"spun: orders in {family}", told=False)
    for _ in range(int(1500 * times)):
        yield Example(said_otherwise(_order(rng), rng), True, "spun: orders", told=False)


def _order(rng: random.Random) -> str:
    return spin(rng.choice(ATTACKS["indirect"][rng.choice(list(ATTACKS["indirect"]))]), ATTACKS["names"], rng)


def _planted(document: str, order: str, rng: random.Random) -> str:
    places = [0, len(document), *(at + 1 for at, c in enumerate(document) if c in ".\n")]
    at = rng.choice(places)
    return f"{document[:at]}{rng.choice([' ', chr(10)])}{order}{rng.choice([' ', chr(10)])}{document[at:]}".strip()


def mixed_from(examples: Sequence[Example], seed: int, times: int) -> list[Example]:
    """Windows as they lie in long texts: ordinary words around an attack, and ordinary words alone, so many of each."""
    rng = random.Random(seed)
    ordinary = [example.text for example in examples if not example.is_attack and len(example.text) < 700]
    attacks_ = [example.text for example in examples if example.is_attack]
    made = []
    for _ in range(times):
        attack = _stretch(rng.choice(attacks_).split(), 36, rng)
        before, after = _words_of(ordinary, rng.randrange(20), rng), _words_of(ordinary, rng.randrange(20), rng)
        made.append(Example(" ".join([*before, *attack, *after]), True, "mixed"))
        made.append(Example(" ".join(_words_of(ordinary, rng.randrange(20, 45), rng)), False, "mixed"))
    return made


def _words_of(texts: Sequence[str], most: int, rng: random.Random) -> list[str]:
    words: list[str] = []
    while len(words) < most:
        words += rng.choice(texts).split()
    return _stretch(words, most, rng)


def _stretch(words: list[str], most: int, rng: random.Random) -> list[str]:
    first = rng.randrange(max(1, len(words) - most + 1))
    return words[first : first + most]
