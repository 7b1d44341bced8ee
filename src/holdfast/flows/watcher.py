"""The watcher: watches every release that runs, again and again, and writes to people about new alerts."""

from __future__ import annotations

import threading

from holdfast.domain.appetite import Appetite
from holdfast.domain.errors import HoldfastError, Unavailable
from holdfast.domain.look import Backtest, Look
from holdfast.flows.backtest import backtest
from holdfast.flows.desk import Desk
from holdfast.flows.mail import Mailer
from holdfast.flows.watch import Post, last_look, watch_release, watched_releases


class Watcher:
    """Watches in a thread of its own while it is entered. A context manager.

    Of several processes on one database only the one that holds the lock counts. `failure` is what keeps it from
    working now.
    """

    def __init__(self, desk: Desk, post: Post, mailer: Mailer, *, every: float = 60.0) -> None:
        self._desk = desk
        self.post = post
        self._mailer = mailer
        self._every = every
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self.failure: HoldfastError | None = None

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self._thread.join()

    def last(self, release: str) -> Look | None:
        """What watching a release last showed; None where nobody looked yet."""
        return last_look(self.post.batches, release)

    def looks(self) -> tuple[Look, ...]:
        """The last look at each release that runs."""
        found = (self.last(release) for release in watched_releases(self._desk))
        return tuple(look for look in found if look is not None)

    def backtest(self, appetite: Appetite) -> tuple[Backtest, ...]:
        """What another appetite would have made of what was watched."""
        return backtest(self._desk, self.post.batches, appetite)

    def watch(self) -> None:
        """Once around: every release by itself, so that one that cannot be read keeps no other back."""
        failure: HoldfastError | None = None
        for release in watched_releases(self._desk):
            if self._stopped.is_set():
                return
            try:
                watch_release(self._desk, self.post, release)
            except HoldfastError as error:
                failure = error
            except Exception as error:  # a plug-in's fold, whatever it does, must not end the watching of all others
                what = f"Watching {release[:19]} crashed: {type(error).__name__}."
                failure = Unavailable("watch.crashed", what, "Leave out the monitor that crashes, and report it.")
        try:
            self._mailer.deliver()
        except HoldfastError as error:
            failure = error
        self.failure = failure

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self.post.batches.lock() as is_mine:
                    while is_mine() and not self._stopped.is_set():
                        self.watch()
                        self._stopped.wait(self._every)
            except HoldfastError as error:
                self.failure = error
            self._stopped.wait(self._every)
