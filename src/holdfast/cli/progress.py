"""Progress on the terminal: one line a probe, with what it is doing, elapsed and remaining."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from holdfast.domain.evidence import Done, Failed, ProbeCard, ProbeOutcome
from holdfast.flows.attack import Silence, Watcher

POLL_S = 0.2


class Lines(Silence):
    """Plain lines on standard error, for logs and pipes: one when a probe ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def planned(self, cards: tuple[ProbeCard, ...]) -> None:
        """How much there is to do."""
        self._say(f"{len(cards)} probes to run")

    def finished(self, outcome: ProbeOutcome, *, cached: bool) -> None:
        """One line for one outcome."""
        self._say(f"{outcome.probe}: {_ended(outcome, cached)}")

    def doing(self, words: str) -> None:
        """What happens between the probes."""
        self._say(words)

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)


class Bars(Silence):
    """A live bar a probe, fed from the files that the probes write their progress to."""

    def __init__(self, bars: Progress, folder: Path) -> None:
        self.progress = folder
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}
        self._status = bars.add_task("check", total=None, words="reading the manifest and the digests")

    def planned(self, cards: tuple[ProbeCard, ...]) -> None:
        """A bar for each probe that will run."""
        for card in cards:
            self._tasks[card.id] = self._bars.add_task(card.id, total=1.0, words="waiting", start=False)
        self.doing(f"{len(cards)} probes side by side" if cards else "every result still stands")

    def finished(self, outcome: ProbeOutcome, *, cached: bool) -> None:
        """Fill the probe's bar."""
        task = self._tasks.get(outcome.probe)
        if task is not None:
            self._bars.start_task(task)
            self._bars.update(task, completed=1.0, words=_ended(outcome, cached))

    def doing(self, words: str) -> None:
        """What happens between the probes."""
        self._bars.update(self._status, words=words)

    def poll(self) -> None:
        """Read what the running probes say."""
        for probe, task in list(self._tasks.items()):
            share, words = self._read(probe)
            if words and not self._bars.tasks[task].finished:
                self._bars.start_task(task)
                self._bars.update(task, completed=min(share, 0.99), words=words)

    def _read(self, probe: str) -> tuple[float, str]:
        try:
            share, words = json.loads((self.progress / probe).read_text(encoding="utf-8")) if self.progress else (0, "")
            return float(share), str(words)
        except (OSError, ValueError):
            return 0.0, ""


def _ended(outcome: ProbeOutcome, cached: bool) -> str:
    if isinstance(outcome, Done):
        how = "kept from before" if cached else f"done in {outcome.seconds:.0f} s"
        found = len(outcome.findings)
        return f"{how}, {found} finding{'' if found == 1 else 's'}" if found else how
    return f"failed: {outcome.reason}" if isinstance(outcome, Failed) else f"skipped: {outcome.reason}"


@contextmanager
def watching(*, quiet: bool, folder: Path) -> Iterator[Watcher]:
    """Somebody who looks on in the way that fits the terminal; silent with `quiet`."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Silence() if quiet else Lines(console)
        return
    folder.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="progress-", dir=folder))
    columns = (
        TextColumn("{task.description:<28}", markup=False),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        watcher = Bars(bars, place)
        stop = threading.Event()
        thread = threading.Thread(target=_poll, args=(watcher, stop), daemon=True)
        thread.start()
        try:
            yield watcher
        finally:
            stop.set()
            thread.join()
            shutil.rmtree(place, ignore_errors=True)


def _poll(watcher: Bars, stop: threading.Event) -> None:
    while not stop.wait(POLL_S):
        watcher.poll()
