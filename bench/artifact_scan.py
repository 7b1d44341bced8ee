"""The artefact scan beside picklescan and modelscan: what each lets through, what it refuses, time and memory.

    python -m bench.artifact_scan [--quick]

The same files, one run, each scan in a process of its own. Malicious files are those of
``tests/regressions/test_pickle_bypasses.py`` (inert payloads): the group that the list was built against, and the group
that was written afterwards; benign ones are models fitted here. A scanner passes a file (exit code 0), flags it (1), or
says that it did not judge it (any other). Many of the files are formats that a pickle scanner does not claim to read:
it passes those too. Seconds are wall time of a process, megabytes its peak. Prints a table, then one line of JSON.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import pickle
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import joblib
import numpy as np

ROOT = Path(__file__).parents[1]
SCRIPTS = Path(sys.executable).parent
SEED = 0
OURS = """
import sys
from pathlib import Path
from holdfast.artifacts.scan import scan_paths
verdicts = {report.verdict for report in scan_paths(map(Path, sys.argv[1:]))}
sys.exit(1 if "refuse" in verdicts else 3 if "unknown" in verdicts else 0)
"""
# A process inherits its parent's peak on Linux, so that a small one has to start the scanner.
STARTER = """
import os, sys, time
started = time.perf_counter()
child = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=[
    (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0), (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)])
_, status, usage = os.wait4(child, 0)
print(os.waitstatus_to_exitcode(status), time.perf_counter() - started, usage.ru_maxrss / 1024)
"""
COMMANDS = {
    "holdfast": [sys.executable, "-c", OURS],
    "picklescan": [str(SCRIPTS / "picklescan"), "-p"],
    "modelscan": [str(SCRIPTS / "modelscan"), "scan", "-p"],
}


@dataclass(frozen=True)
class Ran:
    """One process: its exit code, wall seconds and peak megabytes."""

    code: int
    seconds: float
    megabytes: float


def run(scanner: str, path: Path) -> Ran:
    """Scan one file in a fresh process."""
    command = [sys.executable, "-S", "-c", STARTER, *COMMANDS[scanner], str(path)]
    code, seconds, megabytes = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return Ran(int(code), float(seconds), float(megabytes))


def corpora(folder: Path) -> dict[str, list[Path]]:
    """The files of each group, written below `folder`."""
    spec = importlib.util.spec_from_file_location("bypasses", ROOT / "tests/regressions/test_pickle_bypasses.py")
    assert spec
    assert spec.loader
    bypasses = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bypasses)
    groups: dict[str, list[Path]] = {}
    for group, builds in (("known", bypasses.KNOWN), ("kept back", bypasses.KEPT_BACK)):
        groups[group] = []
        for index, build in enumerate(builds.values()):
            place = folder / group / str(index)
            place.mkdir(parents=True)
            groups[group].append(build(place))
    groups["benign"] = list(benign(folder))
    return groups


def benign(folder: Path) -> Iterator[Path]:
    """Models as people save them."""
    from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler
    from sklearn.svm import SVC

    rng = np.random.default_rng(SEED)
    X = rng.random((80, 3))
    y = (X[:, 0] > 0.5).astype(int)
    models = (
        LogisticRegression(),
        make_pipeline(StandardScaler(), SVC()),
        RandomForestClassifier(5),
        GradientBoostingClassifier(n_estimators=3),
        HistGradientBoostingClassifier(max_iter=3),
        KNeighborsClassifier(algorithm="kd_tree"),
        MLPClassifier((4,), max_iter=300),
        make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
    )
    for index, model in enumerate(models):
        model.fit(X, y)
        for name, compress in ((f"{index}.joblib", 0), (f"{index}.joblib.z", 3)):
            joblib.dump(model, folder / name, compress=compress)
            yield folder / name
        path = folder / f"{index}.pkl"
        path.write_bytes(pickle.dumps(model))
        yield path


def sizes(folder: Path, quick: bool) -> dict[str, Path]:
    """A pickle of one large array, and one of very many opcodes."""
    array, many = folder / "array.pkl", folder / "many.pkl"
    megabytes, rows = (100, 60_000) if quick else (500, 600_000)
    with array.open("wb") as file:
        pickle.dump(np.zeros(megabytes * 125_000), file)
    rng = random.Random(SEED)
    records = [
        {"a": rng.randrange(100), "b": (i % 256, rng.random() < 0.5, None), "c": f"w{i % 5000}"} for i in range(rows)
    ]
    many.write_bytes(pickle.dumps(records, 4))
    return {f"array, {megabytes} MB": array, f"{rows * 15 / 1e6:.1f} M opcodes": many}


def scanners() -> dict[str, str]:
    """The scanners that are here, and their versions."""
    found = {}
    for name in COMMANDS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            sys.stderr.write(f"{name} is not installed and left out: pip install 'holdfast[bench]'\n")
    return found


def measure(scanner: str, groups: dict[str, list[Path]], large: dict[str, Path]) -> dict[str, float]:
    """Files passed, flagged and not judged in each group, then seconds and megabytes on the large files."""
    figures: dict[str, float] = {}
    for group, paths in groups.items():
        codes = [run(scanner, path).code for path in paths]
        for word, count in (("passed", codes.count(0)), ("flagged", codes.count(1))):
            figures[f"{group}, {word} of {len(paths)}"] = count
        figures[f"{group}, not judged"] = len(codes) - codes.count(0) - codes.count(1)
    for name, path in large.items():
        ran = run(scanner, path)
        figures[f"{name}, s"], figures[f"{name}, MB"] = round(ran.seconds, 2), round(ran.megabytes)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="every seventh file, smaller pickles: within 50 s on 2 cores"
    )
    quick = parser.parse_args().quick
    found = scanners()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        groups = corpora(folder)
        if quick:
            groups = {group: paths[::7] for group, paths in groups.items()}
        large = sizes(folder, quick)
        results = {scanner: measure(scanner, groups, large) for scanner in found}
    rows = list(results["holdfast"])
    print(f"{'':34}" + "".join(f"{scanner + ' ' + found[scanner]:>20}" for scanner in found))
    for row in rows:
        print(f"{row:34}" + "".join(f"{results[scanner][row]:>20}" for scanner in found))
    timed = [row for row in rows if row.endswith(", s")]
    ratios = {
        scanner: {row: round(results[scanner][row] / results["holdfast"][row], 1) for row in timed}
        for scanner in found
        if scanner != "holdfast"
    }
    print(json.dumps({"figures": results, "ratios": ratios, "versions": found, "seed": SEED, "quick": quick}))


if __name__ == "__main__":
    main()
