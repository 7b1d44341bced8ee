"""The watcher: watches every release that runs, again and again, and writes to people about new alerts."""

from __future__ import annotations

import threading
from dataclasses import replace

from holdfast import canonical
from holdfast.domain.appetite import Appetite
from holdfast.domain.errors import HoldfastError, Unavailable
from holdfast.domain.look import Backtest, Look
from holdfast.domain.rounds import Failure, Round
from holdfast.domain.watch import FiledBaseline
from holdfast.flows.backtest import backtest
from holdfast.flows.desk import Desk
from holdfast.flows.fleet import named_among
from holdfast.flows.mail import Mailer
from holdfast.flows.watch import Post, last_look, watch_release, watched_releases
from holdfast.ports import Places

ROUND = "watch-round"
"""Under what the last round is kept."""


class Watcher:
    """Watches in a thread of its own while it is entered. A context manager.

    Of several processes on one database only the one that holds the lock counts; what came of it is a note among
    `places`, for all of them. `failure` is what keeps this one from trying now.
    """

    def __init__(self, desk: Desk, post: Post, mailer: Mailer, places: Places, *, every: float = 60.0) -> None:
        self._desk = desk
        self.post = post
        self._mailer = mailer
        self._places = places
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
        looks, failures, at = list[Look](), list[Failure](), self._desk.at
        for release in watched_releases(self._desk):
            if self._stopped.is_set():
                return
            try:
                look = watch_release(self._desk, self.post, release)
                looks += [look] if look is not None else []
            except HoldfastError as error:
                failures.append(self._failed(error, at, release))
            except Exception as error:  # a plug-in's fold, whatever it does, must not end the watching of all others
                what = f"Watching {release[:19]} crashed: {type(error).__name__}."
                crash = Unavailable("watch.crashed", what, "Leave out the monitor that crashes, and report it.")
                failures.append(self._failed(crash, at, release))
        try:
            self._mailer.deliver()
        except HoldfastError as error:
            failures.append(self._failed(error, at))
        tested, named = named_among(looks)
        self._keep(Round(at, len(looks), tested, named, tuple(failures)))

    def round(self) -> Round | None:
        """The last time around, of whichever process it was; None before the first."""
        data = self._places.get(ROUND)
        return canonical.decode(Round, data) if data is not None else None

    def _keep(self, done: Round) -> None:
        """Keep what came of it, and since when what failed has failed."""
        before = self.round()
        since = {(one.release, one.code): one.since for one in (before.failures if before else ())}
        lasting = tuple(replace(one, since=since.get((one.release, one.code), one.since)) for one in done.failures)
        self._places.put(ROUND, canonical.encode(replace(done, failures=lasting)))

    def _failed(self, error: HoldfastError, at: str, release: str = "") -> Failure:
        filed = self._desk.store.find(FiledBaseline, release) if release else None
        system = filed.record.system if filed is not None else ""
        return Failure(error.code, error.message, error.hint, at, system, release)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self.post.batches.lock() as is_mine:
                    while is_mine() and not self._stopped.is_set():
                        self.watch()
                        self.failure = None
                        self._stopped.wait(self._every)
            except HoldfastError as error:
                self.failure = error
            self._stopped.wait(self._every)
