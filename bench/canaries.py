"""Canaries and prompts in what models say: how many are found by encoding, and how often one is seen that is none.

A hundred canaries, and a hundred system prompts (sentences from prompts that are no attack), are each written in every
encoding below, within an answer. Then answers that hold neither are read: prompts of all kinds that stand in for what a
model says, none of which was looked at while the guard was written.

    python -m bench.canaries [--quick]
"""

from __future__ import annotations

import argparse
import base64
import codecs
import gzip
import json
import platform
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from holdfast.domain.guard import Stage
from holdfast.guards.passages import Conversation, Passage, Reading
from holdfast.guards.text.canary import make_canary, run

SEED = 0
KEY = b"bench" * 6 + b"ab"
DATA = Path(__file__).parents[2] / "shared/data/prompts/train.jsonl.gz"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "capitals": str.upper,
    "base 64": lambda text: base64.b64encode(text.encode()).decode(),
    "base 64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "hex": lambda text: text.encode().hex(),
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "reversed": lambda text: text[::-1],
    "leetspeak": lambda text: text.translate(str.maketrans("aeiost", "431057")),
    "URL": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "spaced": " ".join,
    "lines": lambda text: "\n".join(text[at : at + 12] for at in range(0, len(text), 12)),
    "entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "zero width": "\u200b".join,
    "binary": lambda text: " ".join(f"{byte:08b}" for byte in text.encode()),
}


def texts() -> list[str]:
    with gzip.open(DATA, "rt") as lines:
        found = [json.loads(line)["text"] for line in lines]
    random.Random(SEED).shuffle(found)
    return found


def heard(*system: str) -> Reading:
    reading = run.prepare(run.params)
    told = tuple(Passage("system", text) for text in system)
    return reading.hearing(Conversation(Stage.AFTER, told, "bench", "", KEY))


def is_found(reading: Reading, text: str) -> bool:
    return reading.read(Passage("assistant", text)).score >= run.threshold


def recall(prompts: list[str], n: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(SEED)
    canaries = [make_canary(KEY, rng.bytes(6)) for _ in range(n)]
    ours, theirs = heard(), [heard(prompt) for prompt in prompts[:n]]
    rows = []
    for name, encode in ENCODINGS.items():
        told = [f"Of course. Here it is: {encode(canary)} Is there anything else?" for canary in canaries]
        leaked = [f"My instructions are: {encode(prompt)}" for prompt in prompts[:n]]
        rows.append(
            {
                "encoding": name,
                "canaries": np.mean([is_found(ours, text) for text in told]),
                "prompts": np.mean([is_found(reading, text) for reading, text in zip(theirs, leaked, strict=True)]),
                "of each": n,
            }
        )
    return rows


def alarms(answers: list[str], prompts: list[str]) -> dict[str, Any]:
    """Each answer is read in a conversation of one of the prompts; those that repeat it are left out."""
    readings = [heard(prompt) for prompt in prompts[:50]]
    pairs = [(readings[n % 50], prompts[n % 50], answer) for n, answer in enumerate(answers)]
    started = time.process_time()
    wrong = sum(is_found(reading, answer) for reading, prompt, answer in pairs if prompt[:60] not in answer)
    took = time.process_time() - started
    size = sum(map(len, answers)) / 1000
    return {"answers": len(answers), "wrongly found": wrong, "ms_per_kB": round(1000 * took / size, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on two cores: fewer of each")
    quick = parser.parse_args().quick
    if not DATA.exists():
        print("train.jsonl.gz is not here (../shared/data/prompts); left out")
        return
    given = texts()
    prompts = [text for text in given if 120 <= len(text) <= 900 and text.isascii()][:100]
    frame = pd.DataFrame(recall(prompts, 20 if quick else 100))
    answers = [text for text in given if text not in prompts]
    while len(answers) < 10_000:
        answers += [text[::2] for text in answers]
    quiet = alarms(answers[: 2_000 if quick else 10_000], prompts)
    print(frame.round(3).to_string(index=False))
    print(f"\nEncodings in which 95 % or more are found: {(frame['canaries'] >= 0.95).sum()} of {len(frame)}")
    print(f"Answers that hold none: {quiet}")
    plain = json.loads(frame.to_json(orient="records"))
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    print(
        json.dumps(
            {"bench": "canaries", "recall": plain, "quiet": quiet, "quick": quick, "seed": SEED}
            | {"versions": versions}
        )
    )


if __name__ == "__main__":
    main()
