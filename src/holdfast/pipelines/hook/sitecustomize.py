"""Loaded by every Python process of a recorded step, whatever its version: notes the files that it opens (PEP 578).

Never fails and never prints; where it cannot write, the step goes on unseen. Stands alone: the step's Python need not
have Holdfast installed.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import sys


def _watch(folder: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    trace = os.open(os.path.join(folder, f"{os.getpid()}.trace"), flags, 0o600)  # noqa: PTH118
    noted: set[bytes] = set()

    def note(kind: str, text: str) -> None:
        line = os.fsencode(kind + text) + b"\0"
        if line not in noted:
            noted.add(line)
            os.write(trace, line)  # appended whole, so that forked processes can share the file

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event != "open":
            return
        with contextlib.suppress(Exception):  # an error here would break the step that is being recorded
            path, mode, flags = args
            if isinstance(path, (str, bytes)):
                for kind in _uses(str(mode or ""), int(flags or 0)):  # type: ignore[call-overload]
                    note(kind, os.path.abspath(os.fsdecode(path)))  # noqa: PTH100

    note("P", sys.executable or "")
    note("L", sys.prefix)
    note("L", sys.base_prefix)
    sys.addaudithook(hook)


def _uses(mode: str, flags: int) -> str:
    """R for reading, W for writing, or both; `mode` is empty where `os.open` was called."""
    if mode:
        return ("R" if "r" in mode or "+" in mode else "") + ("W" if set(mode) & set("wax+") else "")
    return {os.O_WRONLY: "W", os.O_RDWR: "RW"}.get(flags & (os.O_WRONLY | os.O_RDWR), "R")


def _give_way() -> None:
    """Let a sitecustomize that the step has of its own run as if this one were not there."""
    here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    sys.path[:] = [entry for entry in sys.path if entry != here]
    ours = sys.modules.pop("sitecustomize")
    try:
        importlib.import_module("sitecustomize")
    except ModuleNotFoundError:
        sys.modules["sitecustomize"] = ours


if "HOLDFAST_TRACE" in os.environ:
    with contextlib.suppress(Exception):
        _watch(os.environ["HOLDFAST_TRACE"])
    _give_way()
