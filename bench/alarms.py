"""How often watching a stream cries wolf, and how soon it sees a change; Holdfast beside Evidently, NannyML and river.

    python -m bench.alarms [--quick] [--streams N] [--data FOLDER]

Streams are daily means of 500 rows, in standard deviations of a row, twelve weeks of which are the reference where
nothing else is said. Each clean one is looked at a thousand times; the share that ever alarms stands beside what was
promised. To others a change is added after a hundred days: the median delay in days, and how many are not seen within
a hundred. Peers look at the rows of such streams with their defaults, for a hundred clean days and a hundred after a
shift of .2, and Holdfast at counts of the same rows. The seeds are none with which anything was chosen.

The peers have environments of their own: `make .tools/evidently/bin/python .tools/nannyml/bin/python
.tools/river/bin/python`. What is missing is named and left out. With `--data` the folder of electricity.csv (Harries
1999: prices and demand of two markets every half hour, of which one stands still until row 17,424) that is looked at,
too; every alarm is acknowledged on the next day.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from bench import alarm_peers
from bench.alarm_streams import KINDS, REFERENCE, hourly_made, labels, made, rows_of
from holdfast.monitors.false_discovery import first_alarms, pooled
from holdfast.monitors.profiling import number_bins, number_counts
from holdfast.monitors.scores import label_shares, place, width
from holdfast.monitors.seasons import daily, hourly
from holdfast.monitors.streams import Watched, above, watch
from holdfast.version import __version__

SEED = 5_000_000
BEFORE, AFTER, LOOKS = 100, 100, 1_000
AT = REFERENCE + BEFORE
SHIFTS = (0.1, 0.2, 0.5)
FEATURES, CHANGED = 20, 5

Row = dict[str, Any]


def seen(values: np.ndarray, seed: int, reference: int = REFERENCE, **more: Any) -> Watched:
    return watch(values, daily(np.arange(len(values))), reference, seed=seed, **more)


def delay(alarms: list[int | None], at: int) -> dict[str, float]:
    """The median delay in days of those that did not alarm before the change, and how many were not seen at all."""
    late = [np.inf if alarm is None else alarm - at + 1 for alarm in alarms]
    after = [days for days in late if days > 0]
    return {"delay": float(np.median(after)), "unseen": float(np.mean(np.isinf(after)))}


def clean(kind: str, streams: int, references: tuple[int, ...] = (28, REFERENCE, 365)) -> Row:
    """The share of streams that alarm in a thousand looks, and of those said to wander, by days of reference."""
    row: Row = {"stream": kind, "promised": KINDS[kind]}
    for reference in references:
        streams_of = (made(kind, reference + LOOKS, np.random.default_rng(SEED + n)) for n in range(streams))
        found = [seen(values, n, reference) for n, values in enumerate(streams_of)]
        row[f"false {reference}"] = float(np.mean([each.alarm is not None for each in found]))
        row[f"wander {reference}"] = float(np.mean([each.wanders for each in found]))
    return row


def shifted(kind: str, streams: int) -> Row:
    """The delay until a shift is seen, and the share of shifts that are not, by size."""
    row: Row = {"stream": kind}
    for shift in SHIFTS:
        alarms = []
        for n in range(streams):
            values = made(kind, AT + AFTER, np.random.default_rng(2 * SEED + n))
            values[AT:] += shift
            alarms.append(seen(values, n).alarm)
        row |= {f"{name} {shift}": value for name, value in delay(alarms, AT).items()}
    return row


def hours(effects: float, streams: int) -> Row:
    """Batches of an hour, four weeks of which are the reference: alarms in a thousand looks, and a shift of .2."""
    reference, alarms, found = 672, [], list[int | None]()
    for n in range(streams):
        values = hourly_made(effects, reference + LOOKS, np.random.default_rng(10 * SEED + n))
        season = hourly(np.arange(len(values)))
        alarms.append(watch(values, season, reference, seed=n).alarm is not None)
        values[reference + LOOKS // 2 :] += 0.2
        found.append(watch(values, season, reference, seed=n).alarm)
    return {"effects of a day": effects, "false": float(np.mean(alarms)), **delay(found, reference + LOOKS // 2)}


def scored(streams: int) -> Iterator[Row]:
    """Changes that show in the scores of a batch: of a number's rows, and of labels."""
    season, changes = daily(np.arange(AT + AFTER)), ("clean", "variance x1.2", "a ramp to .5 in 100 days")
    alarms: dict[str, list[int | None]] = {}
    for n in range(streams):
        rng = np.random.default_rng(3 * SEED + n)
        means = made("season and daily effects", AT + AFTER, rng)
        ramp, wider = np.clip(np.arange(AT + AFTER) - AT, 0, None) / AFTER, np.arange(AT + AFTER) >= AT
        for change, added, spread in zip(
            changes, (0, 0, 0.5 * ramp), (1.0, np.where(wider, 1.2**0.5, 1.0), 1.0), strict=True
        ):
            rows = rows_of(means + added, np.random.default_rng(4 * SEED + n), spread)
            alarms.setdefault(change, []).append(_first(_scores(rows), season))
        batches = labels(AT + AFTER, rng, AT)
        usual = sum(batches[1:REFERENCE], batches[0])
        shares = np.array([label_shares(usual, batch) for batch in batches]).T
        alarms.setdefault("two of eight labels swapped", []).append(_first(list(shares), season))
    for change, found in alarms.items():
        early = float(np.mean([at is not None and (at < AT or change == "clean") for at in found]))
        yield {"change": change, "false": early} | ({} if change == "clean" else delay(found, AT))


def _scores(rows: np.ndarray) -> list[np.ndarray]:
    """The place and the width of each batch (T, rows) among the reference's."""
    bins = number_bins("x", rows[:REFERENCE].ravel())
    counts = [number_counts(bins, batch) for batch in rows]
    usual = sum(counts[1:REFERENCE], counts[0])
    return [np.array([score(usual, batch) for batch in counts]) for score in (place, width)]


def _first(series: list[np.ndarray], season: Any) -> int | None:
    """The first alarm of several series of a column together."""
    found = first_alarms([watch(values, season, REFERENCE, seed=place) for place, values in enumerate(series)])
    return min((at for at in found if at is not None), default=None)


def odd_days(streams: int) -> Row:
    """One to three days in a row that lie three standard deviations of a row off, in each clean stream."""
    alarms = 0
    for n in range(streams):
        rng = np.random.default_rng(5 * SEED + n)
        values = made("season and daily effects", AT + AFTER, rng)
        first = int(rng.integers(REFERENCE, AT + AFTER - 3))
        values[first : first + 1 + n % 3] += 3.0
        alarms += seen(values, n).alarm is not None
    return {"days": "1-3", "false": alarms / streams}


def limits(streams: int) -> Iterator[Row]:
    """A ceiling at the level of clean streams, and below it."""

    def looked(kind: str, T: int, n: int, beyond: float) -> int | None:
        values = made(kind, T, np.random.default_rng(6 * SEED + n)) + beyond
        return above(values, daily(np.arange(T)), REFERENCE, 0.0, seed=n).alarm

    for kind in list(KINDS)[:6]:
        at_limit = [looked(kind, REFERENCE + LOOKS, n, 0.0) for n in range(streams)]
        row: Row = {"stream": kind, "false": float(np.mean([at is not None for at in at_limit]))}
        for shift in (0.1, 0.2):
            found = delay([looked(kind, AT, n, shift) for n in range(streams)], REFERENCE)
            row |= {f"{name} {shift}": value for name, value in found.items()}
        yield row


def many(systems: int) -> Iterator[Row]:
    """Systems of twenty features: which are named at once, and what their mean shows."""
    for change, changed, shift in (("none", 0, 0.0), ("5 by .2", CHANGED, 0.2), ("all by .1", FEATURES, 0.1)):
        false, power, alone, together = [], [], list[int | None](), list[int | None]()
        for n in range(systems):
            rng = np.random.default_rng(7 * SEED + n)
            values = [made("season and daily effects", AT + AFTER, rng) for _ in range(FEATURES)]
            for each in values[:changed]:
                each[AT:] += shift
            named = first_alarms([seen(each, place) for place, each in enumerate(values)])
            wrong = sum(at is not None and (place >= changed or at < AT) for place, at in enumerate(named))
            right = sum(at is not None for at in named) - wrong
            false.append(wrong / max(1, wrong + right))
            power.append(right / max(1, changed))
            alone += [at for at in named[:changed] if at is None or at >= AT]
            together.append(seen(pooled(values, REFERENCE), n).alarm)
        row: Row = {"changed": change, "false of named": float(np.mean(false)), "named": float(np.mean(power))}
        if changed:
            row |= {"delay alone": delay(alone, AT)["delay"], "delay of the mean": delay(together, AT)["delay"]}
        yield row


def acknowledged(streams: int) -> Iterator[Row]:
    """A shift of .5 is acknowledged when it is found; a year follows, or another shift of .2 after a month."""
    for kind in ("independent", "season and daily effects", "days tied by 0.8"):
        again, kept, following = [], [], list[int | None]()
        for n in range(streams):
            values = made(kind, AT + 400, np.random.default_rng(8 * SEED + n))
            values[AT:] += 0.5
            first = seen(values[: AT + AFTER], n).alarm
            if first is None or first < AT:
                continue
            again.append(seen(values, n, regimes=[first + 1]).alarm is not None)
            kept.append(seen(values, n).alarm is not None)
            values[first + 31 :] += 0.2
            found = seen(values[: first + 31 + AFTER], n, regimes=[first + 1]).alarm
            following.append(None if found is None else found - first - 31)
        next_delay = delay(following, 0)
        yield {"stream": kind, "again": float(np.mean(again)), "not acknowledged": float(np.mean(kept)), **next_delay}


def beside_peers(streams: int, kinds: tuple[str, ...], before: int, after: int) -> Iterator[Row]:
    """Holdfast and its peers on the same rows: a shift of .2 after `before` clean looks."""
    at = REFERENCE + before
    rows = []
    for n in range(streams * len(kinds)):
        rng = np.random.default_rng(9 * SEED + n)
        means = made(kinds[n // streams], at + after, rng)
        means[at:] += 0.2
        rows.append(rows_of(means, rng).astype(np.float32))
    answers = {"holdfast": _own(rows)} | alarm_peers.told(np.array(rows), REFERENCE)
    for peer, told in answers.items():
        for group, kind in enumerate(kinds):
            some = told[group * streams : (group + 1) * streams]
            first = [int(each[at:].argmax()) + 1 if each[at:].any() else np.inf for each in some]
            calm = some[:, REFERENCE:at]
            yield {
                "detector": peer,
                "stream": kind,
                "alarm ever": float(np.mean(calm.any(axis=1))),
                "looks that alarm": float(np.mean(calm)),
                "delay": float(np.median(first)),
            }


def _own(rows: list[np.ndarray]) -> np.ndarray:
    """At which batches Holdfast's money stands at its threshold, from counts."""
    told = np.zeros((len(rows), len(rows[0])), dtype=bool)
    for n, stream in enumerate(rows):
        found = watch(_scores(stream.astype(np.float64))[0], daily(np.arange(len(stream))), REFERENCE, seed=n)
        if found.alarm is not None:
            told[n, found.alarm :] = True
    return told


def electricity(file: Path) -> Iterator[Row]:
    table = np.genfromtxt(file, delimiter=",", names=True)
    days = len(table) // 48
    season = daily(np.arange(days) + 1)  # it begins on Tuesday, 7 May 1996
    for name in ("nswprice", "nswdemand", "vicprice", "vicdemand", "transfer"):
        values = _scores(table[name].reshape(days, 48))[0]
        regimes: list[int] = []
        found = watch(values, season, REFERENCE)
        while found.alarm is not None:
            regimes.append(found.alarm + 1)
            found = watch(values, season, REFERENCE, regimes=regimes)
        yield {"series": name, "alarms": [place - 1 for place in regimes], "wanders": found.wanders}


def speed() -> Iterator[Row]:
    """What watching a stream from its beginning takes of one core, the median of three times."""
    for name, season, reference in (
        ("3 years of days", daily(np.arange(1_000)), REFERENCE),
        ("a year of hours", hourly(np.arange(8_760)), 672),
    ):
        values, times = made("independent", len(season), np.random.default_rng(SEED)), []
        for _ in range(3):
            started = process_time()
            watch(values, season, reference)
            times.append(1000 * (process_time() - started))
        yield {"stream": name, "batches": len(season), "CPU ms": round(float(np.median(times)), 1)}


def shown(title: str, rows: list[Row]) -> None:
    """A table of rows that have the same cells."""
    print(f"\n{title}")
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names] + [[_cell(name, row.get(name)) for name in names] for row in rows]
    widths = [max(len(line[place]) for line in cells) for place in range(len(names))]
    for line in cells:
        print(
            f"{line[0]:<{widths[0]}}" + "".join(f"  {cell:>{w}}" for cell, w in zip(line[1:], widths[1:], strict=True))
        )


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return (
            f"{value:.0f}"
            if name.startswith("delay")
            else f"{value:g}"
            if name in ("effects of a day", "CPU ms")
            else f"{value:.1%}"
        )
    return "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def main() -> None:
    """Print tables, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.alarms", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores: few streams of each kind")
    parser.add_argument("--streams", type=int, default=300)
    parser.add_argument("--data", type=Path, default=None, help="the folder that has electricity.csv")
    options = parser.parse_args()
    streams = 25 if options.quick else options.streams
    few = max(2, streams // 10)
    kinds = ("independent", "season and daily effects", "days tied by 0.8")
    sizes = (2, kinds, 40, 20) if options.quick else (min(10, streams), kinds, BEFORE, AFTER)
    tables: list[tuple[str, str, Callable[[], list[Row]]]] = [
        ("clean", f"{streams} streams of each kind, {LOOKS:,} looks: alarms, by days of reference",
         lambda: [clean(kind, streams) for kind in KINDS]),
        ("shifted", f"{streams} streams of each kind: days until a shift is seen, by its size",
         lambda: [shifted(kind, streams) for kind in KINDS]),
        ("hours", f"{few} streams of hours",  lambda: [hours(effects, few) for effects in (0.0, 0.02, 0.05)]),
        ("scores", f"{few} columns of 500 rows a day: changes that show in scores", lambda: list(scored(few))),
        ("odd days", f"{streams} streams with odd days", lambda: [odd_days(streams)]),
        ("limits", f"{streams} streams at a limit, {LOOKS:,} looks, and beyond it", lambda: list(limits(streams))),
        ("many", f"{few} systems of {FEATURES} features: e-BH at 1%", lambda: list(many(few))),
        ("acknowledged", f"{streams} shifts, acknowledged", lambda: list(acknowledged(streams))),
    ]  # fmt: skip
    figures: dict[str, list[Row]] = {}
    with ThreadPoolExecutor(1) as pool:
        peers = pool.submit(lambda: list(beside_peers(*sizes)))
        for name, title, rows in tables:
            figures[name] = rows()
            shown(title, figures[name])
        figures["peers"] = peers.result()
    figures["speed"] = list(speed())
    shown("What watching a stream takes", figures["speed"])
    shown(f"{sizes[0]} streams of each kind: {sizes[2]} clean looks, then a shift of .2", figures["peers"])
    missing = [f"there is no {program}" for program in alarm_peers.ENVIRONMENTS.values() if not program.exists()]
    if missing:
        print("Left out: " + "; ".join(missing) + ".")
    file = options.data / "electricity.csv" if options.data else None
    if file is not None and file.exists():
        figures["electricity"] = list(electricity(file))
        shown("Electricity by day, each alarm acknowledged (the day of row 17,424 is 363)", figures["electricity"])
    told = {"holdfast": __version__, "python": platform.python_version(), "numpy": np.__version__}
    plain = json.loads(json.dumps(figures), parse_constant=lambda _: None)
    print(json.dumps({"bench": "alarms", "figures": plain, "streams": streams, "seed": SEED,
                      "versions": told | alarm_peers.versions()}))  # fmt: skip


if __name__ == "__main__":
    main()
