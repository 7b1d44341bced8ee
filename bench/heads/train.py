"""Learn the heads that come with the package, and write them with what they were learned from.

Reads ``../shared/data/prompts/train.jsonl.gz`` (see its README for sources and licences), what some installed packages
say of themselves, and the templates beside this file. One text in five, by its digest, is not learned from: thresholds
are fixed on those. With the same data, packages and seed the weights are the same; ``--check`` learns them again and
compares.

    python -m bench.heads.train [--check]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from bench.heads.corpus import Example, labelled, spun, telling
from bench.heads.learning import FALSE_ALARMS, Windows, learned, with_threshold
from bench.heads.prose import pieces
from holdfast.text import heads as here
from holdfast.text.heads import Head, shipped

SEED = 7
FILE = Path(here.__file__).with_name(here.HEADS)
ARRAYS = ("words", "characters")


def examples(seed: int = SEED) -> list[Example]:
    """All texts: labelled ones first, then prose, then templates."""
    given = labelled()
    prose = dict.fromkeys(Example(text, False, f"prose: {kind}") for kind, text in pieces())
    return [*given, *prose, *spun(seed, telling(example for example in given if not example.is_held_out))]


def masks(all_: list[Example]) -> dict[str, np.ndarray]:
    """Which examples each head learns from, bool (n,): `told` from what users say, `read` from documents as well."""
    held_out = np.array([example.is_held_out for example in all_])
    is_told = np.array([example.told or example.source == "spun: orders" for example in all_])
    return {"told": ~held_out & is_told, "read": ~held_out}


def ordinary(all_: list[Example], name: str) -> list[list[str]]:
    """The held-out ordinary texts on which a head's threshold is fixed: others' first, and documents of our own."""
    kept = [example for example in all_ if example.is_held_out and not example.is_attack]
    given = [example.text for example in kept if not example.source.startswith("spun")]
    documents = [example.text for example in kept if not example.told]
    return [given, documents] if name == "read" else [given]


def main() -> None:
    """Learn, and write or compare."""
    parser = argparse.ArgumentParser(prog="bench.heads.train", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with the shipped heads instead of writing them")
    check = parser.parse_args().check
    all_ = examples()
    made = Windows.made(all_)
    heads = {
        name: with_threshold(learned(all_, made, chosen, SEED), ordinary(all_, name), SEED)
        for name, chosen in masks(all_).items()
    }
    for name, head in heads.items():
        print(name, digest(head), f"threshold {head.threshold:.3f}, slope {head.slope:.3f}")
    if check:
        same = all(digest(head) == digest(shipped()[name]) for name, head in heads.items())
        sys.exit(0 if same else "The shipped heads are others.")
    write(heads, all_)


def write(heads: dict[str, Head], all_: list[Example]) -> None:
    """The file of the package."""
    numbers = [field.name for field in fields(Head) if field.name not in ARRAYS]
    about: dict[str, Any] = {
        "heads": {name: {number: getattr(head, number) for number in numbers} for name, head in heads.items()},
        "seed": SEED,
        "false_alarms": FALSE_ALARMS,
        "texts": len(all_),
    }
    arrays = {f"{name}_{array}": getattr(head, array) for name, head in heads.items() for array in ARRAYS}
    np.savez_compressed(FILE, about=np.frombuffer(json.dumps(about).encode(), dtype=np.uint8), **arrays)
    print(FILE, FILE.stat().st_size, "bytes")


def digest(head: Head) -> str:
    """SHA-256 of the weights."""
    return hashlib.sha256(head.words.tobytes() + head.characters.tobytes()).hexdigest()


if __name__ == "__main__":
    main()
