"""Group commit: calls that arrive while one commit is under way share the next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

from holdfast.domain.errors import Unavailable


@dataclass(slots=True, eq=False)
class _Call:
    entries: Sequence[bytes]
    first: int = -1
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.first >= 0 or self.error is not None


class GroupCommit:
    """`commit` takes many entries and returns the index of the first; it never runs twice at once."""

    def __init__(self, commit: Callable[[Sequence[bytes]], int]) -> None:
        self._commit = commit
        self._changed = threading.Condition()
        self._waiting: list[_Call] = []
        self._is_committing = False

    def submit(self, entries: Sequence[bytes]) -> int:
        """Commit `entries`, alone or with those of other threads; the index of the first."""
        call = _Call(entries)
        with self._changed:
            self._waiting.append(call)
            while self._is_committing and not call.is_done:
                self._changed.wait()
            if not call.is_done:
                self._is_committing = True
                group, self._waiting = self._waiting, []
        if not call.is_done:
            self._lead(group)
        if call.error is not None:
            raise copy(call.error) from call.error
        return call.first

    def _lead(self, group: list[_Call]) -> None:
        error: Exception = Unavailable("ledger.interrupted", "The commit was interrupted.", "Append again.")
        first = -1
        try:
            first = self._commit([entry for call in group for entry in call.entries])
        except Exception as failure:
            error = failure
        finally:
            with self._changed:
                self._is_committing = False
                for call in group:
                    if first >= 0:
                        call.first = first
                        first += len(call.entries)
                    else:
                        call.error = error
                self._changed.notify_all()
