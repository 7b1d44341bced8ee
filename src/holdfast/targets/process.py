"""The parent's side of a worker: start it, ask it, watch it, end it.

Whatever the worker sends is untrusted: replies are bounded and parsed as data, answers are read out of the shared
memory with a plain read, which a worker that shrinks the memory can only make fail.
"""

from __future__ import annotations

import json
import os
import select
import signal
import site
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from holdfast import canonical
from holdfast.domain import errors
from holdfast.domain.errors import FixInput, HoldfastError, ModelFailed
from holdfast.domain.evidence import Protection
from holdfast.domain.schema import Schema
from holdfast.targets.isolation import LIBRARIES_MB
from holdfast.targets.spec import ModelFacts, TargetSpec

Matrix = NDArray[np.float64]

CALL_BYTES = 64 << 20
"""Rows cross in calls of at most this size."""

LOAD_SECONDS = 60.0
"""Importing libraries and loading the model may take this long, beside the limit of one call."""

LAST_WORDS_S = 5.0
LOG_BYTES = 64 << 10
REPLY_BYTES = 1 << 20
LOOK_EVERY_S = 0.05

_BOOT = """
import sys
sys.path += [p for p in sys.argv[4:] if p not in sys.path]
from holdfast.targets.worker import main
main(*map(int, sys.argv[1:4]))
"""
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/",
    "LANG": "C.UTF-8",
    "JOBLIB_MULTIPROCESSING": "0",
    "LOKY_MAX_CPU_COUNT": "1",
    "MALLOC_ARENA_MAX": "2",
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
}
_KEPT = ("LD_LIBRARY_PATH", "TZ")


class Worker:
    """One model in a process of its own. Starts at once and waits until the model is open.

    After a crash, a hang or a broken reply it is dead for good, and every call raises the first failure again.
    """

    def __init__(self, spec: TargetSpec, schema: Schema | None = None) -> None:
        self._spec = _absolute(spec)
        self._width = len(schema.classes) if schema and schema.task.is_classification else 1
        self._lock = threading.Lock()
        self._failure: HoldfastError | None = None
        self._log = b""
        self._rest = b""
        self._size = 0
        self._spawn()
        try:
            self.facts = self._open(schema)
        except BaseException:
            self.close()
            raise
        if not self.facts.gives_scores:
            self._width = 1

    @property
    def is_alive(self) -> bool:
        """Whether nothing has failed so far."""
        return self._failure is None

    @property
    def log(self) -> str:
        """The last 64 kB that the model printed. May hold data: never put it into a record."""
        return self._log.decode(errors="replace")

    def ask(self, rows: Matrix) -> Matrix:
        """Answers of shape (n, classes), or (n, 1) for decisions and values; not yet checked for NaN."""
        return self._in_calls(rows, (self._width,))

    def contributions(self, rows: Matrix) -> Matrix:
        """What each column contributes, (n, outputs, features + 1), the base last; ModelFailed where nothing tells."""
        if self.facts.additive is None:
            raise ModelFailed("model.no-contributions", "This model does not say what its columns contribute.")
        return self._in_calls(rows, (self.facts.additive.outputs, rows.shape[1] + 1), contributions=True)

    def _in_calls(self, rows: Matrix, shape: tuple[int, ...], *, contributions: bool = False) -> Matrix:
        rows = np.ascontiguousarray(rows, dtype=np.float64)
        step = max(1, CALL_BYTES // max(1, 8 * max(rows.shape[1], prod(shape))))
        starts = range(0, len(rows), step)
        with self._lock:
            answers = [self._call(rows[start : start + step], shape, contributions) for start in starts]
        return answers[0] if len(answers) == 1 else np.concatenate(answers)

    def close(self) -> None:
        """End the process. Harmless when repeated."""
        self._failure = self._failure or ModelFailed("model.closed", "The model was closed.")
        self._finalizer()

    def _spawn(self) -> None:
        self._shared = _anonymous_memory()
        requests, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        self._output, output = os.pipe()
        os.set_blocking(self._output, False)
        arguments = [sys.executable, "-I", "-u", "-c", _BOOT, *map(str, (requests, replies, self._shared))]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
                [*arguments, *_import_roots()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=_ENVIRONMENT | {name: os.environ[name] for name in _KEPT if name in os.environ},
                pass_fds=(requests, replies, self._shared),
                start_new_session=True,
            )
        finally:
            for end in (requests, replies, output):
                os.close(end)
        own = (self._requests, self._replies, self._output, self._shared)
        self._finalizer = weakref.finalize(self, _end, os.getpid(), self._process, own)
        self._poll = select.poll()
        self._poll.register(self._replies, select.POLLIN)
        self._poll.register(self._output, select.POLLIN)

    def _open(self, schema: Schema | None) -> ModelFacts:
        first = {"spec": canonical.plain(self._spec), "schema": canonical.plain(schema) if schema else None}
        reply = self._exchange(first, LOAD_SECONDS + self._spec.seconds_per_call)
        try:
            facts: ModelFacts = canonical.rebuild(ModelFacts, reply["facts"])
        except (TypeError, ValueError, KeyError):
            self._fail("model.protocol", "The model's worker described the model in a way that makes no sense.")
        return facts

    def _call(self, rows: Matrix, shape: tuple[int, ...], contributions: bool) -> Matrix:
        self._require_alive()
        answer = np.empty((len(rows), *shape))
        place = -(-rows.nbytes // 64) * 64
        self._grow(place + answer.nbytes)
        _write_all(self._shared, rows)
        request: dict[str, Any] = {"rows": len(rows), "size": self._size, "place": place}
        if contributions:
            request["contributions"] = True
        self._exchange(request, self._spec.seconds_per_call)
        if not _read_all(self._shared, answer, place):
            self._fail("model.protocol", "The model's worker took away the memory that its answer belongs in.")
        return answer

    def _grow(self, size: int) -> None:
        if size > self._size:
            os.ftruncate(self._shared, size)
            self._size = size

    def _exchange(self, message: object, seconds: float) -> dict[str, Any]:
        """Send one message and wait for its reply; an error in the reply is raised."""
        try:
            _send(self._requests, json.dumps(message).encode() + b"\n")
            reply = self._parse(self._await(time.monotonic() + seconds, seconds))
        except BrokenPipeError:
            self._died()
        except BaseException as error:  # a later reply would answer the wrong question: it must not stay alive
            if self._failure is None:
                why = f"The call to the model was interrupted: {type(error).__name__}."
                self._failure = ModelFailed("model.interrupted", why)
                self.close()
            raise
        if "error" in reply:
            raise self._as_error(reply["error"])
        return reply

    def _require_alive(self) -> None:
        """The first failure again: descriptors of a dead worker are closed, and their numbers may be another file's."""
        if self._failure is not None:
            raise type(self._failure)(self._failure.code, self._failure.message, self._failure.hint)

    def _await(self, deadline: float, seconds: float) -> bytes:
        """The next line from the worker, while its output is drained and its memory watched."""
        look = time.monotonic() + LOOK_EVERY_S
        while b"\n" not in self._rest:
            for descriptor, _ in self._poll.poll(LOOK_EVERY_S * 1000):
                if descriptor == self._output:
                    self._drain()
                elif more := os.read(self._replies, 65536):
                    self._rest += more
                else:
                    self._died()
            now = time.monotonic()
            if now > deadline:
                self._fail(
                    "model.timed-out",
                    f"The model did not answer within {seconds:g} s.",
                    "Raise `model.seconds_per_call` in the manifest if it is only slow.",
                )
            if now > look:
                look = now + LOOK_EVERY_S
                self._watch_memory()
            if len(self._rest) > REPLY_BYTES:
                self._fail("model.protocol", "The model's worker sent a reply without end.")
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def _drain(self) -> None:
        try:
            text = os.read(self._output, 65536)
        except BlockingIOError:
            return
        if not text:
            with suppress(KeyError):
                self._poll.unregister(self._output)
        self._log = (self._log + text)[-LOG_BYTES:]

    def _watch_memory(self) -> None:
        """RLIMIT_DATA does not count shared memory; this does."""
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            return
        if pages * os.sysconf("SC_PAGE_SIZE") > (self._spec.memory_mb + LIBRARIES_MB) << 20:
            self._fail(
                "model.out-of-memory",
                f"The model held more than {self._spec.memory_mb} MB.",
                "Raise `model.memory_mb` in the manifest.",
            )

    def _parse(self, line: bytes) -> dict[str, Any]:
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict) or len(reply) != 1:
            self._fail("model.protocol", "The model's worker sent a reply that makes no sense.")
        return reply

    def _as_error(self, error: object) -> HoldfastError:
        """The worker's error, if it is one of the kinds that a worker may raise."""
        known = {"ModelFailed", "FixInput", "RefusedArtifact", "Unavailable"}
        if not isinstance(error, dict) or set(error) != {"kind", "code", "message", "hint"}:
            error = {"kind": "", "code": "model.protocol", "message": "The worker's error makes no sense.", "hint": ""}
        kind = getattr(errors, error["kind"]) if error["kind"] in known else ModelFailed
        return kind(*(str(error[name])[:2000] for name in ("code", "message", "hint")))

    def _died(self) -> NoReturn:
        """The worker hung up: say how it ended."""
        try:
            code = self._process.wait(timeout=LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self._fail("model.crashed", "The model closed its worker's connection.")
        self._drain()
        how = f"was ended by {_signal_name(-code)}" if code < 0 else f"ended itself with exit status {code}"
        asked = self._size > 0
        hint = "Does it answer the same rows outside of Holdfast?" if asked else self._last_words()
        self._fail("model.crashed", f"The model's process {how}.", hint)

    def _last_words(self) -> str:
        """What it printed before it was given any data, which is the only output that a record may carry."""
        words = " ".join(self.log.split())[-300:]
        return f"Its output ended with: {words}" if words else "It printed nothing. Does it load outside of Holdfast?"

    def _fail(self, code: str, message: str, hint: str = "") -> NoReturn:
        self._failure = ModelFailed(code, message, hint)
        self.close()
        raise self._failure

    def protections(self) -> tuple[Protection, ...]:
        """The worker's own, and those that the parent adds."""
        limit = f"{self._spec.seconds_per_call:g} s a call, then it is killed"
        own = (
            Protection("separate process", active=True, detail="rows and answers cross as plain numbers"),
            Protection("time limit", active=True, detail=limit),
            Protection("no secrets in its environment", active=True, detail="it inherits no variable of yours"),
        )
        return own + self.facts.protections


def _absolute(spec: TargetSpec) -> TargetSpec:
    """The spec for a process that runs in another folder; FixInput where its file does not exist."""
    if spec.is_file and not Path(spec.location).is_file():
        raise FixInput("model.absent", f"There is no model file {spec.location}.", "Check `model.path`.")
    location = str(Path(spec.location).absolute()) if spec.is_file else spec.location
    return replace(spec, location=location, python_path=spec.python_path and str(Path(spec.python_path).absolute()))


def _anonymous_memory() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("holdfast")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _import_roots() -> list[str]:
    """Where Holdfast and the user's own packages are installed, as an isolated interpreter does not look there."""
    roots = [str(Path(__file__).parents[2])]
    return [*roots, site.getusersitepackages()] if site.ENABLE_USER_SITE else roots


def _send(pipe: int, data: bytes) -> None:
    while data:
        data = data[os.write(pipe, data) :]


def _write_all(memory: int, rows: Matrix) -> None:
    data = rows.reshape(-1).view(np.uint8).data
    done = 0
    while done < len(data):
        done += os.pwrite(memory, data[done:], done)


def _read_all(memory: int, answer: Matrix, place: int) -> bool:
    data = answer.reshape(-1).view(np.uint8).data
    done = 0
    while done < len(data):
        got = os.preadv(memory, [data[done:]], place + done)
        if not got:
            return False
        done += got
    return True


def _end(owner: int, process: subprocess.Popen[bytes], descriptors: tuple[int, ...]) -> None:
    if os.getpid() != owner:  # a forked child of the owner holds copies, and must leave the worker alone
        return
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for descriptor in descriptors:
        os.close(descriptor)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
