"""Counting decisions beside Evidently and NannyML, and what a day of a hundred million of them would cost.

    python -m bench.monitor [--quick] [--rows N]

First a million rows against a million, as `bench.drift` has them: `holdfast drift` and its peers read two tables, and
watching reads one, the current one, as the log's segment, against the profile that is kept of the reference. Then
1, 10 and 30 million decisions in segments of the log, a million a day, each counted in a process of its own on one
core: embedded (this process reads the files and counts) and in the engine (the same Ibis expressions that go
to PostgreSQL or Spark, on DuckDB). A line is laid through wall time by rows; from it comes the cost of a day.

The segments lie in a temporary folder, whose size is told, and are removed. The peers' environments: see `bench.drift`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from bench.drift import EVIDENTLY, HOLDFAST, NANNYML, PEERS, SEED, agreement, measured, table, taken, versions
from holdfast import canonical
from holdfast.decisions.batch import portions, table_of
from holdfast.decisions.stage import stage
from holdfast.domain.ids import Ids
from holdfast.domain.profile import Bins, Counts, Profile
from holdfast.ledger.decided import DECISIONS
from holdfast.monitors.profiling import label_bins, label_counts, number_bins, number_counts

SYSTEM, RELEASE = "credit", "sha256:" + "a" * 64
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
DAYS, QUICK_DAYS = (1, 10, 30), (1, 3, 10)
COLUMNS = 20
HOWS = ("embedded", "engine")
A_DAY = 100_000_000

COUNT = """
import json, sys
from holdfast import canonical
from holdfast.domain.profile import Profile
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.engines.files import file_chunks, split_plain
from holdfast.engines.rows import count_chunks
from holdfast.engines.view import View
from holdfast.monitors.distances import label_difference, number_difference

how, known, *files = sys.argv[1:]
known = canonical.decode(Profile, open(known).read())
view = View(is_log=True)
if how == "engine":
    import ibis
    from holdfast.engines.segments import count_segments

    connection = ibis.duckdb.connect(threads=1, memory_limit="1GB")
    found = count_segments(connection, files, view, known.bins)
else:
    names = [bins.name.removeprefix("input_") for bins in known.bins]
    kinds = [Kind.NUMBER if bins.is_number else Kind.CATEGORY for bins in known.bins]
    words = [bins.labels or () for bins in known.bins]
    schema = Schema(Task.REGRESSION, tuple(Feature(n, k, categories=w) for n, k, w in zip(names, kinds, words)), "y")
    plain, rest = split_plain(files, view, schema)
    assert not rest, rest
    found = count_chunks(file_chunks(plain, view, schema, texts=False), schema, known.bins)
whole = None
for batch in found.values():
    whole = batch.profile if whole is None else whole + batch.profile
told = {}
for bins, before, now in zip(known.bins, known.counts, whole.counts):
    if bins.is_number:
        one = number_difference(bins, before, now, 0.05)
        told[bins.name] = [now.missing, one.distance, one.psi, one.jensen_shannon, one.in_sd]
    else:
        one = label_difference(before, now, 0.05)
        told[bins.name] = [now.missing, one.distance, one.psi, one.jensen_shannon, None]
print(json.dumps({"rows": whole.rows, "batches": len(found), "columns": told}))
"""


def profile_of(frame: pd.DataFrame) -> Profile:
    """What `holdfast check` keeps of a reference."""
    found: list[tuple[Bins, Counts]] = []
    for name in frame.columns:
        if name.startswith("label"):
            seen = {str(label): int(count) for label, count in frame[name].value_counts().items()}
            bins = label_bins(f"input_{name}", seen)
            found.append((bins, label_counts(bins, seen, int(frame[name].isna().sum()))))
        else:
            values = frame[name].to_numpy(np.float64)
            bins = number_bins(f"input_{name}", values)
            found.append((bins, number_counts(bins, values)))
    return Profile(len(frame), tuple(bins for bins, _ in found), tuple(counts for _, counts in found))


def written(folder: Path, frame: pd.DataFrame, at: datetime) -> Iterator[str]:
    """A day of decisions as the log seals them; the segments' paths."""
    ids = Ids(lambda: int(at.timestamp() * 1000)).take(len(frame))
    within = np.linspace(0, 86_399_000_000, len(frame)).astype(np.int64)
    times = pa.array(within + int(at.timestamp()) * 1_000_000, pa.int64()).cast(pa.timestamp("us", "UTC"))
    inputs = {f"input_{name}": pa.array(frame[name], from_pandas=True) for name in frame.columns}
    known = {"system": SYSTEM, "release": RELEASE, "lane": "live", "ended": "answered", "gateway": "g1"}
    rows = table_of(pa.table({"decided_at": times, **inputs}), ids, known)
    for place, (day, part) in enumerate(portions(rows, ids)):
        name = f"{day}-{place:04d}"
        segment, data = stage(part, DECISIONS, system=SYSTEM, day=day, gateway="g1", name=name)
        path = folder / segment.place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        yield str(path)


def contenders(files: list[str], quick: bool) -> list[dict[str, Any]]:
    """As `bench.drift`; quick with one run of Evidently alone, as importing it takes most of the time."""
    if not quick:
        return measured(files)
    asked = {"evidently": ("evidently, psi", EVIDENTLY, "psi"), "nannyml": ("nannyml", NANNYML, "10")}
    found = [taken("holdfast", sys.executable, HOLDFAST, files)]
    for peer, (name, script, option) in asked.items():
        if PEERS[peer].exists():
            found.append(taken(name, str(PEERS[peer].absolute()), script, [*files, option]))
    return found


def beside(rows: int, folder: Path, quick: bool) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """Two tables against one segment and a profile: times, and how far apart what is said of the columns lies."""
    reference, current = table(rows, SEED, drifted=False), table(rows, SEED + 1, drifted=True)
    files = [str(folder / f"{name}.parquet") for name in ("reference", "current")]
    for frame, file in zip((reference, current), files, strict=True):
        frame.to_parquet(file, compression="zstd", index=False, row_group_size=131_072)
    known = folder / "beside.json"
    known.write_bytes(canonical.encode(profile_of(reference)))
    segments = list(written(folder / "beside", current, FIRST))
    found = contenders(files, quick)
    hows = HOWS[:1] if quick else HOWS
    found += [counted(how, known, segments) for how in hows]
    apart = agreement(found, reference, current)
    drift, *_ = found
    for row in found[-len(hows) :]:
        ours = row["found"]["columns"]
        pairs = [(drift["found"][name.removeprefix("input_")][1:], said[1:]) for name, said in ours.items()]
        gaps = [abs(a - b) for one, other in pairs for a, b in zip(one, other, strict=True) if a is not None]
        apart[f"{row['stack']}, all statistics of holdfast drift"] = max(gaps)
    return found, apart


def counted(how: str, known: Path, files: list[str]) -> dict[str, Any]:
    return taken(f"holdfast watch, {how}", sys.executable, COUNT, [how, str(known), *files])


def scaling(rows: int, all_days: Sequence[int], folder: Path) -> tuple[list[dict[str, Any]], int]:
    """Each number of days counted both ways, and how many bytes the most of them lie on disk."""
    known = folder / "scaling.json"
    known.write_bytes(canonical.encode(profile_of(table(rows, SEED, drifted=False))))
    files: list[str] = []
    found = []
    for days in all_days:
        for day in range(len({Path(file).parent for file in files}), days):
            files += written(folder / "scaling", table(rows, SEED + 1 + day, drifted=False), FIRST + timedelta(day))
        for how in HOWS:
            row = counted(how, known, files)
            if row["found"]["rows"] != days * rows or row["found"]["batches"] != days:
                raise RuntimeError(f"{how} counted {row['found']['rows']} rows in {row['found']['batches']} batches")
            each = 1e9 * row["cpu_s"] / (days * rows) / COLUMNS
            figures = _without(row, "found", "stack")
            found.append({"how": how, "rows": days * rows, "cpu_ns_row_column": each, **figures})
    return found, sum(Path(file).stat().st_size for file in files)


def fitted(found: list[dict[str, Any]], how: str, what: str) -> dict[str, float]:
    """A line through seconds by rows, each point weighing as much as its time, and what it says of a day."""
    points = [(row["rows"], row[what]) for row in found if row["how"] == how]
    x, y = (np.array(one, dtype=float) for one in zip(*points, strict=True))
    slope, start = np.polyfit(x, y, 1, w=1 / y)
    return {
        "start_s": float(start),
        "s_per_million": float(slope * 1e6),
        "ns_row_column": float(slope * 1e9 / COLUMNS),
        "off": float(np.max(np.abs(start + slope * x - y) / y)),
        "a_day_s": float(start + slope * A_DAY),
    }


def _without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def main() -> None:
    """Print tables, then one line of JSON."""
    parser = argparse.ArgumentParser(prog="bench.monitor", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="end within 50 s on 2 cores: 50,000 rows; 0.1, 0.3, 1 M")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    count, a_day = (50_000, 100_000) if options.quick else (options.rows, options.rows)
    days = QUICK_DAYS if options.quick else DAYS
    with tempfile.TemporaryDirectory(prefix="bench-monitor-") as folder:
        one, apart = beside(count, Path(folder), options.quick)
        tell_beside(count, one, apart)
        many, size = scaling(a_day, days, Path(folder))
    fits = [{"how": how, "what": what, **fitted(many, how, what)} for how in HOWS for what in ("cpu_s", "wall_s")]
    tell_scaling(a_day, many, fits, size)
    known = versions() | {name: metadata.version(name) for name in ("ibis-framework", "duckdb")}
    print(json.dumps({"bench": "monitor", "rows": count, "figures": [_without(row, "found") for row in one],
                      "apart": apart, "scaling": many, "fits": fits, "disk_bytes": size, "seed": SEED,
                      "versions": known}))  # fmt: skip


def tell_beside(count: int, found: list[dict[str, Any]], apart: dict[str, float]) -> None:
    print(f"{count:,} rows of {COLUMNS} columns against as many; one core")
    print(f"{'':<26}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'x in CPU':>12}")
    ours = next(row for row in found if row["stack"].endswith("embedded"))["cpu_s"]
    for row in found:
        times = row["cpu_s"] / ours
        print(f"{row['stack']:<26}{row['wall_s']:>9.2f}{row['cpu_s']:>9.2f}{row['peak_mb']:>9.0f}{times:>12.1f}")
    print("Furthest apart: " + "; ".join(f"{what} {gap:.1e}" for what, gap in apart.items()), flush=True)


def tell_scaling(a_day: int, found: list[dict[str, Any]], fits: list[dict[str, Any]], size: int) -> None:
    print(f"Decisions in segments, {a_day:,} a day; {size / 1e9:.2f} GB on disk at most, removed now; one core")
    print(f"{'':<12}{'rows':>12}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'CPU ns a row and column':>25}")
    for row in found:
        figures = f"{row['wall_s']:>9.2f}{row['cpu_s']:>9.2f}{row['peak_mb']:>9.0f}{row['cpu_ns_row_column']:>25.1f}"
        print(f"{row['how']:<12}{row['rows']:>12,}{figures}")
    for fit in fits:
        line = f"{fit['start_s']:.2f} s + {fit['s_per_million']:.3f} s a million rows"
        each = f"{fit['ns_row_column']:.0f} ns a row and column, at most {fit['off']:.0%} off"
        print(f"{fit['how']}, {fit['what'].removesuffix('_s')}: {line} ({each})")
        of_a_day = fit["a_day_s"] / 864
        print(f"    {A_DAY:,} decisions of 24 h: {fit['a_day_s']:.0f} s, {of_a_day:.2f} % of one core's day")


if __name__ == "__main__":
    main()
