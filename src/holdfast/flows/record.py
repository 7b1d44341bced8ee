"""Record: run one step of a pipeline, and write down what went in and came out."""

from __future__ import annotations

import getpass
import os
import platform
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from holdfast.datasets.read import digest_file
from holdfast.domain.errors import FixInput
from holdfast.domain.provenance import Artifact, Provenance, Revision, Role, Seen
from holdfast.domain.verdict import timestamp
from holdfast.flows.desk import random_id
from holdfast.pipelines.revision import read_revision, tracked_files
from holdfast.pipelines.secrets import hide_secrets
from holdfast.pipelines.trace import Trace, installed, read_trace, traced
from holdfast.pipelines.tree import Mark, changed, files_in, mark_of
from holdfast.pipelines.watch import Watch
from holdfast.ports import Clock
from holdfast.version import __version__

SYSTEM_FOLDERS = tuple(map(Path, ("/usr", "/etc", "/lib", "/lib64", "/proc", "/sys", "/dev", "/run")))
CODE = (".py", ".pyc", ".pyi", ".so", ".ipynb", ".sh", ".r", ".sql")
MOST_NAMED = 10


@dataclass(frozen=True)
class Step:
    """What is asked for: a command, run in the project's `folder`; files declared to go in and come out; who asks.

    `leave_out` are folders in the project that are no part of it, such as where records are kept.
    """

    command: tuple[str, ...]
    folder: Path
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    actor: str = ""
    leave_out: tuple[Path, ...] = ()


@dataclass(frozen=True)
class _Before:
    """The project as it was before the step."""

    marks: Mapping[Path, Mark]
    declared: Mapping[Path, str]
    revision: Revision | None
    tracked: frozenset[Path]
    moment_ns: int


def run_step(step: Step, environment: Mapping[str, str], clock: Clock) -> Provenance:
    """Run the step with its own input and output, and say what it read and wrote.

    FixInput before anything runs where a declared input is missing or the command cannot be started. Afterwards
    nothing fails: what could not be seen stands in `gaps`.
    """
    root = step.folder.resolve()
    before = _Before(
        marks=files_in(root, leave_out=step.leave_out),
        declared={path: digest_file(path) for path in _files(step.inputs)},
        revision=read_revision(root),
        tracked=tracked_files(root),
        moment_ns=time.time_ns(),
    )
    started = timestamp(clock())
    # The kernel sees every program in the project; the hook sees Python's files outside it, and which Python it is.
    with tempfile.TemporaryDirectory(prefix="holdfast-") as folder, Watch(_places(before.marks)) as watch:
        code = _run(step, traced(environment, Path(folder)))
        finished, trace = timestamp(clock()), read_trace(Path(folder))
    written, missing = _written(step, before, trace)
    read, unsure = _read(before, watch.read | trace.read, root)
    pythons = [installed(python) for python in trace.pythons[:1]]
    return Provenance(
        id=random_id(),
        command=hide_secrets(step.command, environment),
        inputs=(*(Artifact(_name(p, root), d, Seen.DECLARED) for p, d in sorted(before.declared.items())), *read),
        outputs=written,
        revision=before.revision,
        environment=_environment(pythons[0][0] if pythons else ""),
        packages=pythons[0][1] if pythons else (),
        actor=step.actor or getpass.getuser(),
        started_at=started,
        finished_at=finished,
        exit_code=code,
        gaps=tuple(_gaps(trace, watch, before, root, unsure)),
        missing=tuple(_name(path, root) for path in missing),
    )


def _files(paths: Iterable[Path]) -> list[Path]:
    """The real paths of the files named, and of those in folders named."""
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise FixInput("record.input", f"There is no {path}.", "Mend --in; the step has not run.")
        found += files_in(path) if path.is_dir() else [path.resolve()]
    return found


def _run(step: Step, environment: Mapping[str, str]) -> int:
    """The step's exit code, as a shell would give it. Signals go on to the step, and its end is always awaited."""
    try:
        process = subprocess.Popen(step.command, cwd=step.folder, env=dict(environment))  # noqa: S603 - what was asked
    except OSError as error:
        raise FixInput(
            "record.command", f"{step.command[0]} cannot be started: {error.strerror}.", "Put the command after `--`."
        ) from error
    with _signals_to(process):
        code = process.wait()
    return code if code >= 0 else 128 - code


@contextmanager
def _signals_to(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """A terminal sends an interrupt to the step as well; a termination is sent to us alone, and passed on."""
    handlers = {signal.SIGINT: lambda *_: None, signal.SIGTERM: lambda *_: process.terminate()}
    earlier = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _written(step: Step, before: _Before, trace: Trace) -> tuple[tuple[Artifact, ...], list[Path]]:
    """What came out: declared files, and those in the project that are new or changed. And declared ones not there."""
    root = step.folder.resolve()
    seen = dict.fromkeys(changed(before.marks, files_in(root, leave_out=step.leave_out)), Seen.CHANGED)
    seen |= {path: Seen.OPENED for path in seen if path in trace.written}
    missing = [path for path in step.outputs if not path.exists()]
    present = [path for path in step.outputs if path.exists()]
    seen |= dict.fromkeys(_files(present), Seen.DECLARED)
    return tuple(Artifact(_name(path, root), digest_file(path), how) for path, how in sorted(seen.items())), missing


def _places(marks: Mapping[Path, Mark]) -> set[Path]:
    """What to watch: the folders of the project's files, and each file that lies elsewhere behind a link."""
    return {path.resolve() if path.is_symlink() else path.parent for path in marks}


def _read(before: _Before, read: set[Path], root: Path) -> tuple[tuple[Artifact, ...], list[Path]]:
    """Files of the project that were there before and were read; and those that then changed, whose digest before the
    step nobody knows.
    """
    opened = sorted(p for p in before.marks if p.resolve() in read and p.resolve() not in before.declared)
    same = [path for path in opened if mark_of(path) == before.marks[path]]
    artifacts = (Artifact(_name(p, root), digest_file(p), Seen.OPENED, _role(p, before.tracked)) for p in same)
    return tuple(artifacts), [path for path in opened if path not in same]


def _role(path: Path, tracked: frozenset[Path]) -> Role:
    """What git tracks has a revision for its lineage, and so is code unless somebody declares it as data."""
    return Role.CODE if path in tracked or path.suffix.lower() in CODE else Role.DATA


def _gaps(trace: Trace, watch: Watch, before: _Before, root: Path, unsure: list[Path]) -> Iterator[str]:
    """What went in, or may have gone in, without being known."""
    if watch.missed:
        yield f"Reading could not be watched everywhere ({watch.missed}); what is not Python may have read more."
    if unsure:
        yield f"Read, then changed by the step, so the digest of what was read is not known: {_listed(unsure, root)}."
    linked = {path.resolve() for path in before.marks if path.is_symlink()}
    outside = sorted(
        p for p in trace.read - before.declared.keys() - linked if _is_foreign(p, root, trace, before.moment_ns)
    )
    if outside:
        yield f"Read outside the project and not declared with --in: {_listed(outside, root)}."


def _is_foreign(path: Path, root: Path, trace: Trace, moment_ns: int) -> bool:
    """Whether a file that was there before is neither the project's, the system's, the interpreter's nor a setting."""
    settings = Path.home() / ".config"
    if path.suffix in CODE or any(map(path.is_relative_to, (root, settings, *SYSTEM_FOLDERS, *trace.libraries))):
        return False
    return path.is_file() and path.stat().st_mtime_ns < moment_ns


def _listed(paths: list[Path], root: Path) -> str:
    more = f" and {len(paths) - MOST_NAMED} more" if len(paths) > MOST_NAMED else ""
    return ", ".join(_name(path, root) for path in paths[:MOST_NAMED]) + more


def _name(path: Path, root: Path) -> str:
    """The path as records carry it: relative inside the project; a name that is no text is written with escapes."""
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return os.fsencode(shown).decode("utf-8", "backslashreplace")


def _environment(python: str) -> tuple[tuple[str, str], ...]:
    named = {"holdfast": __version__, "platform": f"{platform.system()} {platform.machine()}", "python": python}
    return tuple(sorted((name, value) for name, value in named.items() if value))
