"""The sequencer: takes acts from the outbox to the ledger, in order, each once, whatever dies in between."""

from __future__ import annotations

import threading

from holdfast import canonical
from holdfast.domain.errors import HoldfastError
from holdfast.ledger.acts import act_in
from holdfast.ports import Ledger, Store

BATCH = 512


def sequence(store: Store, ledger: Ledger, size: int | None = None) -> int:
    """Append all pending acts; how many. The caller holds the store's sequencer lock.

    `size` is what the ledger had when all places were known. Conflict where it has grown since: a process that lost the
    lock without knowing may be at work still, and what it appends must not go in twice.
    """
    known = catch_up(store, ledger) if size is None else size
    done = 0
    while batch := store.pending(BATCH):
        indexes = ledger.append([canonical.encode(act) for act in batch], after=known + done)
        store.sequenced([(act.id, index) for act, index in zip(batch, indexes, strict=True)])
        done += len(batch)
    return done


def catch_up(store: Store, ledger: Ledger) -> int:
    """Note the places of acts that are in the ledger already; the ledger's size as of then.

    A process that died between append and note left acts in the ledger that the store does not know of. Noting them
    before anything is appended keeps each act there once.
    """
    start = store.last_index() + 1
    size, _ = ledger.head()
    found = [(act.id, index) for index, entry in enumerate(ledger.read(start, size), start) if (act := act_in(entry))]
    store.sequenced(found)
    return size


class Sequencer:
    """Sequences whatever comes, in a thread of its own while it is entered. A context manager.

    Of several processes on one database only the one that holds the lock appends; the others wait for it to be free.
    `failure` is what keeps it from working now, for whoever asks how the platform is.
    """

    def __init__(self, store: Store, ledger: Ledger, *, every: float = 0.5) -> None:
        self._store = store
        self._ledger = ledger
        self._every = every
        self._woken = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sequencer", daemon=True)
        self.failure: HoldfastError | None = None

    def wake(self) -> None:
        """There are acts to append."""
        self._woken.set()

    def __enter__(self) -> Sequencer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._lead()
            except HoldfastError as error:
                self.failure = error
            self._stopped.wait(self._every)

    def _lead(self) -> None:
        """Append until told to stop, if this process is the one to do it; what is pending at the end goes in too."""
        with self._store.sequencer_lock() as is_mine:
            if not is_mine():
                return
            size = catch_up(self._store, self._ledger)
            while is_mine():
                size += sequence(self._store, self._ledger, size)
                self.failure = None
                if self._stopped.is_set():
                    return
                self._woken.wait(self._every)
                self._woken.clear()
