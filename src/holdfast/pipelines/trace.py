"""Which files a command's Python processes opened: an audit hook (PEP 578) that they load through `PYTHONPATH`.

Seen: every `open` and `os.open` of a CPython that reads `PYTHONPATH`, anywhere. Not seen: files that a C library opens
by itself (DuckDB, Parquet readers), other programs, and a Python started with -I or -E; `watch` sees those, in the
project.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOOK = Path(__file__).parent / "hook"
_LIST = (
    "import platform, importlib.metadata as m\n"
    "print(platform.python_version())\n"
    "print(*sorted({f\"{d.metadata['Name']}=={d.version}\" for d in m.distributions()}), sep='\\n')"
)


@dataclass(frozen=True, slots=True)
class Trace:
    """Real paths that were opened to read or to write, the interpreters that ran, and their folders."""

    read: frozenset[Path]
    written: frozenset[Path]
    pythons: tuple[Path, ...]
    libraries: tuple[Path, ...]


def traced(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment in which Python processes note in `folder` what they open."""
    before = environment.get("PYTHONPATH", "")
    search = os.pathsep.join(filter(None, (str(HOOK), before)))
    return {**environment, "PYTHONPATH": search, "HOLDFAST_TRACE": str(folder)}


def read_trace(folder: Path) -> Trace:
    """What the processes noted."""
    found: dict[str, dict[Path, None]] = {"R": {}, "W": {}, "P": {}, "L": {}}
    for file in sorted(folder.glob("*.trace")):
        for line in file.read_bytes().split(b"\0")[:-1]:
            kind, text = line[:1].decode("ascii"), os.fsdecode(line[1:])
            # An interpreter is itself a link in a virtual environment; following it would lose the environment.
            found[kind][Path(text) if kind == "P" else Path(os.path.realpath(text))] = None
    return Trace(frozenset(found["R"]), frozenset(found["W"]), tuple(found["P"]), tuple(found["L"]))


def installed(python: Path) -> tuple[str, tuple[str, ...]]:
    """The version of an interpreter and its packages (``name==version``, sorted); empty where it does not answer."""
    try:
        done = subprocess.run(  # noqa: S603 - the interpreter that the step itself ran
            [str(python), "-I", "-c", _LIST], capture_output=True, text=True, check=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return "", ()
    version, *packages = done.stdout.splitlines()
    return version, tuple(packages)
