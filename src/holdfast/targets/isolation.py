"""What the worker gives up before a model is loaded, and how much of that this kernel allowed.

It all happens while the process has a single thread, because Landlock and capabilities bind threads, not processes.
Nothing here fails where the system lacks something: the evidence says what was active, and why the rest was not.

What it does not claim: a model runs beside the worker's own code, so it can lie in its answers; and a hole in the
kernel is a hole here.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from holdfast.domain.evidence import Protection
from holdfast.targets import kernel, landlock, seccomp

LIBRARIES_MB = 1024
"""What Python, its numeric libraries and the shared rows may hold beside the model."""

OPEN_FILES = 256

_SYSTEM = (
    "/lib /lib64 /usr/lib /usr/lib64 /usr/local/lib /nix/store /etc/ld.so.cache /etc/ld.so.conf /etc/ld.so.conf.d "
    "/etc/localtime /usr/share/zoneinfo /dev/urandom /dev/random /dev/zero /proc/self /proc/cpuinfo /proc/meminfo "
    "/proc/stat /sys/devices/system /sys/fs/cgroup"
)
_NETWORK, _FILES, _CALLS = "an empty network namespace", "Landlock", "seccomp"

Tried = dict[str, str]
"""By mechanism: empty where it is active, else why it is not."""


def isolate(model: Path | None, code: Path | None, memory_mb: int) -> tuple[Protection, ...]:
    """Give up network, writing, secrets, other programs and privileges, for good.

    `model` is the file that may be read; `code` a folder of one's own whose visible entries may be read.
    """
    readable = [*_environment_paths(), *_visible(code)] + ([model] if model else [])
    listable = [code] if code else []
    tried: Tried = {_NETWORK: _on_linux(_leave_network)}
    tried[_FILES] = _on_linux(lambda: _confine(readable, listable))
    privileges = _on_linux(_drop_capabilities)
    limits = _limits(memory_mb)
    ends = _on_linux(lambda: kernel.prctl(kernel.PR_SET_PDEATHSIG, int(signal.SIGKILL)))
    tried[_CALLS] = _on_linux(lambda: _filter(writes=not tried[_FILES]))
    return (
        _any("no network", tried, _NETWORK, _CALLS),
        _any("no writing to files", tried, *([_CALLS] if tried[_FILES] else [_FILES])),
        _any("only its own files readable", tried, _FILES),
        _any("no other programs or processes", tried, _CALLS),
        _any("no reach into other processes", tried, _CALLS),
        _one("no privileges", privileges, "capabilities dropped"),
        *limits,
        _one("ends with its parent", ends, "killed by the kernel when the parent dies"),
    )


def _try(step: Callable[[], object]) -> str:
    try:
        step()
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _on_linux(step: Callable[[], object]) -> str:
    """Elsewhere the same numbers are other system calls: they are not even tried."""
    return _try(step) if sys.platform == "linux" else "needs Linux"


def _one(name: str, failure: str, detail: str) -> Protection:
    return Protection(name, active=not failure, detail=failure or detail)


def _any(name: str, tried: Tried, *mechanisms: str) -> Protection:
    """Active where at least one of the mechanisms is."""
    active = [mechanism for mechanism in mechanisms if not tried[mechanism]]
    if active:
        return Protection(name, active=True, detail="by " + " and ".join(active))
    return Protection(name, active=False, detail="; ".join(f"{m}: {tried[m]}" for m in mechanisms))


def _environment_paths() -> Iterator[Path]:
    """The Python environment and the system's libraries."""
    yield from map(Path, {sys.prefix, sys.base_prefix, sys.exec_prefix})
    yield from (Path(entry) for entry in sys.path if entry)
    yield from map(Path, _SYSTEM.split())


def _visible(folder: Path | None) -> list[Path]:
    """What lies in a folder of one's own, without hidden entries: keys, credentials and repositories are hidden."""
    if folder is None or not folder.is_dir():
        return []
    return [entry for entry in folder.iterdir() if not entry.name.startswith(".")]


def _confine(readable: list[Path], listable: list[Path]) -> None:
    _require_one_thread()
    landlock.restrict(readable, listable, [Path(os.devnull)])


def _filter(*, writes: bool) -> None:
    _require_one_thread()
    seccomp.restrict(writes=writes)


def _require_one_thread() -> None:
    if sum(1 for _ in Path("/proc/self/task").iterdir()) > 1:
        raise OSError("other threads already run")


def _leave_network() -> None:
    """Without privileges, a user namespace of its own is what allows a network namespace."""
    spaces = kernel.CLONE_NEWNET | kernel.CLONE_NEWIPC
    kernel.unshare(spaces if os.geteuid() == 0 else spaces | kernel.CLONE_NEWUSER)


def _drop_capabilities() -> None:
    """Keep only the right to read what others own, where root has it: the model may be another user's file."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0))
    data = ctypes.create_string_buffer(24)
    if libc.capget(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capget failed")
    read_search = 1 << 2
    effective = struct.unpack_from("=I", data, 0)[0] & read_search
    kept = ctypes.create_string_buffer(struct.pack("=6I", effective, effective, 0, 0, 0, 0))
    if libc.capset(header, kept) != 0:
        raise OSError(ctypes.get_errno(), "capset failed")


def _limits(memory_mb: int) -> tuple[Protection, ...]:
    """Limits of the process as a whole. RLIMIT_DATA, not RLIMIT_AS: libraries map much that they never touch."""
    most = (memory_mb + LIBRARIES_MB) << 20
    memory = _on_linux(lambda: resource.setrlimit(resource.RLIMIT_DATA, (most, most)))
    core = _try(lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)))
    _on_linux(
        lambda: kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    )  # where cores are piped to a program, limits do not count
    _try(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    _try(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES)))
    return (
        _one("memory limit", memory, f"{memory_mb} MB beside the libraries"),
        _one("no core dumps", core, "a crash leaves no copy of the data"),
    )
