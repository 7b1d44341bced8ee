"""Personal data found in text: precision, recall and F1 by kind, and milliseconds a kilobyte, beside Presidio.

The texts are Presidio's own synthetic ones (`../shared/data/pii`, 750 with labelled spans). Six kinds are scored, those
that a number or an address makes: payment cards, phones, e-mail, IBAN, US social security numbers and IP addresses.
Names, places, organisations, titles, ages, dates and postal addresses are left out on both sides: they need a model of
language. A find counts where it overlaps a labelled span of its kind; each span counts once. `held out` is the half of
the texts on which no rule was tuned (by a shuffle with the seed); whoever wrote the rules had read all of them, so that
data kept back elsewhere is the better judge. Below it: how many prompts of all kinds are flagged (those that repeat the
synthetic texts hold personal data indeed), and how long texts of hard shapes take, a quarter as long and whole, so that
a square would show as four times the milliseconds a kilobyte.

Presidio runs with its own recognisers and an empty pipeline of spaCy, since its models come from a hub: for these
kinds it uses the model only for words around a find. It is read from an environment of its own:
`make .tools/presidio/bin/python`, or `--presidio PATH`.

    python -m bench.personal_data [--quick] [--presidio PYTHON]
"""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from holdfast.guards.passages import Passage
from holdfast.plugins import find_guard

SEED = 0
DATA = Path(__file__).parents[2] / "shared/data"
PEER = Path(".tools/presidio/bin/python")
KINDS = {
    "CREDIT_CARD": "card",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip",
}
PACKAGES = ("google-re2", "phonenumbers", "python-stdnum")
HARD = {
    "digits in fours": "1234 5678 ",
    "one letter": "a",
    "e-mail without end": "a.b-c_d@",
    "addresses": "1.2.3.4 ",
    "labels": "phone card ssn ",
    "keys begun": "-----BEGIN PRIVATE KEY-----\n",
    "base 64": "QUJDREVGR0g=",
    "brackets": "![x](http://a",
}
GUARDS = ("text.personal_data", "text.secrets", "text.code", "text.links")
Spans = list[list[tuple[int, int, str]]]

PRESIDIO = """
import json, sys, time
from importlib.metadata import version
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import SpacyNlpEngine
import spacy

class Empty(SpacyNlpEngine):
    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}

texts, kinds = json.load(sys.stdin)
engine = AnalyzerEngine(nlp_engine=Empty(), supported_languages=["en"])
engine.analyze("warm up", language="en", entities=kinds)
found, started = [], time.process_time()
for text in texts:
    found.append([(r.start, r.end, r.entity_type) for r in engine.analyze(text, language="en", entities=kinds)])
took = time.process_time() - started
print(json.dumps({"found": found, "seconds": took, "version": version("presidio-analyzer")}))
"""


def synthetic() -> tuple[list[str], Spans]:
    rows = json.loads((DATA / "pii/presidio_synth_first750.json").read_text())
    random.Random(SEED).shuffle(rows)
    spans = [
        [
            (s["start_position"], s["end_position"], KINDS[s["entity_type"]])
            for s in row["spans"]
            if s["entity_type"] in KINDS
        ]
        for row in rows
    ]
    return [row["full_text"] for row in rows], spans


def ours(texts: list[str]) -> tuple[Spans, float]:
    guard = find_guard("text.personal_data")
    reading = guard.prepare(guard.params)
    reading.read(Passage("user", "warm up"))
    seconds, found = float("inf"), Spans()
    for _ in range(3):
        started = time.process_time()
        found = [
            [(s.start, s.end, s.instead.strip("[]").lower()) for s in seen if (s.score or 0) >= guard.threshold]
            for seen in (reading.read(Passage("user", text)).spans for text in texts)
        ]
        seconds = min(seconds, time.process_time() - started)
    return [[span for span in spans if span[2] in KINDS.values()] for spans in found], seconds


def presidio(python: Path, texts: list[str]) -> tuple[Spans, float, str]:
    asked = json.dumps([texts, list(KINDS)])
    done = subprocess.run([python, "-c", PRESIDIO], input=asked, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    return [[(a, b, KINDS[k]) for a, b, k in spans] for spans in told["found"]], told["seconds"], told["version"]


def counted(found: Spans, true: Spans) -> dict[str, Counter[str]]:
    """Hits, false alarms and misses by kind."""
    counts = {kind: Counter[str]() for kind in KINDS.values()}
    for spans, truths in zip(found, true, strict=True):
        left = list(truths)
        for start, end, kind in spans:
            hit = next((t for t in left if t[2] == kind and t[0] < end and start < t[1]), None)
            counts[kind]["wrong" if hit is None else "hit"] += 1
            if hit is not None:
                left.remove(hit)
        for _, _, kind in left:
            counts[kind]["missed"] += 1
    return counts


def rates(counts: Counter[str]) -> dict[str, float]:
    hit, wrong, missed = counts["hit"], counts["wrong"], counts["missed"]
    return {
        "precision": hit / (hit + wrong) if hit + wrong else float("nan"),
        "recall": hit / (hit + missed) if hit + missed else float("nan"),
        "f1": 2 * hit / (2 * hit + wrong + missed) if hit + wrong + missed else float("nan"),
        "spans": hit + missed,
    }


def by_kind(who: str, found: Spans, true: Spans, part: str) -> list[dict[str, Any]]:
    counts = counted(found, true)
    total = sum(counts.values(), Counter[str]())
    return [{"who": who, "part": part, "kind": kind, **rates(one)} for kind, one in [*counts.items(), ("all", total)]]


def ordinary(most: int) -> list[str]:
    """Prompts of all kinds, from the training data."""
    path = DATA / "prompts/train.jsonl.gz"
    if not path.exists():
        return []
    with gzip.open(path, "rt") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    random.Random(SEED).shuffle(texts)
    return texts[:most]


def alarms(guard: str, texts: list[str]) -> dict[str, Any]:
    """Texts flagged, and milliseconds a kilobyte."""
    spec = find_guard(guard)
    reading = spec.prepare(spec.params)
    started = time.process_time()
    flagged = sum(reading.read(Passage("user", text)).score >= spec.threshold for text in texts)
    took = time.process_time() - started
    size = sum(map(len, texts)) / 1000
    return {
        "guard": guard,
        "texts": len(texts),
        "flagged": flagged / max(len(texts), 1),
        "ms_per_kB": 1000 * took / size,
    }


def hard(read: Callable[[Passage], Any], size: int) -> dict[str, float]:
    """Milliseconds a kilobyte for texts of one hard shape."""
    took = {}
    for name, piece in HARD.items():
        text = (piece * (size // len(piece) + 1))[:size]
        started = time.process_time()
        read(Passage("user", text))
        took[name] = 1e6 * (time.process_time() - started) / size
    return took


def shapes(size: int) -> list[dict[str, Any]]:
    rows = []
    for guard in ("text.personal_data", "text.secrets", "text.links"):
        spec = find_guard(guard)
        read = spec.prepare(spec.params).read
        quarter, whole = hard(read, size // 4), hard(read, size)
        rows += [{"guard": guard, "shape": n, "quarter": quarter[n], "whole": whole[n]} for n in HARD]
    return rows


def compared(texts: list[str], true: Spans, python: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    size, half = sum(map(len, texts)) / 1000, len(texts) // 2
    found, seconds = ours(texts)
    results = by_kind("holdfast", found[half:], true[half:], "held out") + by_kind("holdfast", found, true, "all")
    speeds: dict[str, Any] = {"holdfast": 1000 * seconds / size}
    if python.exists():
        found, seconds, speeds["presidio_version"] = presidio(python, texts)
        results += by_kind("presidio", found[half:], true[half:], "held out") + by_kind("presidio", found, true, "all")
        speeds["presidio"] = 1000 * seconds / size
        speeds["times_faster"] = speeds["presidio"] / speeds["holdfast"]
    else:
        print(f"Presidio is not here ({python}); left out")
    return results, speeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on two cores: fewer ordinary texts")
    parser.add_argument("--presidio", type=Path, default=PEER, help="the Python in which Presidio is installed")
    given = parser.parse_args()
    results, speeds = list[dict[str, Any]](), dict[str, Any]()
    try:
        results, speeds = compared(*synthetic(), given.presidio)
        print(pd.DataFrame(results).round(3).to_string(index=False))
        print("\nMilliseconds of CPU a kilobyte: " + json.dumps(speeds))
    except FileNotFoundError:
        print("presidio_synth_first750.json is not here (../shared/data/pii); left out")
    texts = ordinary(1_500 if given.quick else 20_000)
    quiet = (
        [alarms(guard, texts) for guard in ("text.personal_data", "text.secrets", "text.code", "text.links")]
        if texts
        else []
    )
    print("\nPrompts of all kinds\n" + pd.DataFrame(quiet).round(4).to_string(index=False))
    worst = shapes(40_000 if given.quick else 400_000)
    print("\nMilliseconds a kilobyte of hard shapes\n" + pd.DataFrame(worst).round(3).to_string(index=False))
    versions = {package: metadata.version(package) for package in PACKAGES} | {"python": platform.python_version()}
    told = {"bench": "personal_data", "results": results, "ms_per_kB": speeds, "prompts": quiet, "hard": worst}
    print(json.dumps({**told, "quick": given.quick, "seed": SEED, "versions": versions}))


if __name__ == "__main__":
    main()
