"""Which files of a folder are read while a step runs, by whatever program: inotify(7), which needs no privilege.

The kernel says that a file was read, not by whom: another process that reads the project meanwhile is taken for the
step. Folders that the step makes itself are not watched; what lies there was not there to be an input.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

ACCESS, CLOSE_NOWRITE, Q_OVERFLOW, IS_DIR = 0x1, 0x10, 0x4000, 0x40000000
"""A read, and the end of an open for reading alone: the latter also for a file that was mapped into memory."""
HEAD = struct.Struct("iIII")
BUFFER = 1 << 20
TICK_MS = 100


class Watch:
    """While the block lasts, collects the files in `places` (folders, or single files) that are read.

    `read` holds their paths below the places as given. `missed` says in words why it may not be complete, empty where
    nothing was lost.
    """

    def __init__(self, places: Iterable[Path]) -> None:
        self.read: set[Path] = set()
        self.missed = ""
        self._places = sorted(set(places))
        self._watched: dict[int, Path] = {}
        self._file = -1
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._collect, daemon=True)

    def __enter__(self) -> Self:
        if not sys.platform.startswith("linux"):
            self.missed = "this system has no inotify"
            return self
        libc = ctypes.CDLL(None, use_errno=True)
        self._file = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._file < 0:
            self.missed = os.strerror(ctypes.get_errno())
            return self
        for place in self._places:
            watch = libc.inotify_add_watch(self._file, os.fsencode(place), ACCESS | CLOSE_NOWRITE)
            if watch < 0:
                self.missed = f"{place.name}: {os.strerror(ctypes.get_errno())}"
            else:
                self._watched[watch] = place
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file >= 0:
            self._is_over.set()
            self._thread.join()
            self._drain()
            os.close(self._file)

    def _collect(self) -> None:
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        while not self._is_over.is_set():
            if poll.poll(TICK_MS):
                self._drain()

    def _drain(self) -> None:
        while True:
            try:
                data = os.read(self._file, BUFFER)
            except BlockingIOError:
                return
            self._note(data)

    def _note(self, data: bytes) -> None:
        """Read events: watch, mask, cookie, length of the name, and the name padded with zero bytes."""
        at = 0
        while at < len(data):
            watch, mask, _cookie, length = HEAD.unpack_from(data, at)
            name = data[at + HEAD.size : at + HEAD.size + length].rstrip(b"\0")
            at += HEAD.size + length
            if mask & Q_OVERFLOW:
                self.missed = "more happened than the kernel keeps"
            elif mask & (ACCESS | CLOSE_NOWRITE) and not mask & IS_DIR and watch in self._watched:
                place = self._watched[watch]
                self.read.add(place / os.fsdecode(name) if name else place)
