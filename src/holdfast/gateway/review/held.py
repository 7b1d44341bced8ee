"""Decisions that wait for a person, on their way to the control plane: durable before anybody hears that they wait.

One file for each exchange, in a folder that all gateways of one home share: whichever of them lives files what another
left. Filing again is filing once, so two that take the same file do no harm. Personal fields stay sealed in the files,
under their subjects' keys. Whom the control plane shall forget goes the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from holdfast import canonical
from holdfast.domain.errors import FixInput, Unavailable
from holdfast.domain.review import Held
from holdfast.ledger.files import make_folder, replace, sync_folder

PLACE = "reviews"
"""The folder's name in a home."""

SEVERAL = "+.json"
"""How the name of a file ends in which more than one decision waits."""

FORGET = ".forget"
"""How the name of a file ends that says whom to forget."""


@dataclass(frozen=True, slots=True)
class HeldExchange:
    """What waits of one exchange."""

    held: tuple[Held, ...]
    format: str = "holdfast-held-exchange/1"


class HeldFolder:
    """The folder. Unavailable where the disk does not do what it should."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with _on_disk(folder):
            make_folder(folder)
            folder.chmod(0o700)

    def add(self, held: Sequence[Held]) -> None:
        """Keep what waits of an exchange, durably."""
        with _on_disk(self._folder):
            replace(self._folder / _name(held), canonical.encode(HeldExchange(tuple(held))))

    def forget(self, subject: str) -> None:
        """Keep, durably, that the control plane shall forget a subject (a pseudonym)."""
        with _on_disk(self._folder):
            (self._folder / f"{subject}{FORGET}").touch(mode=0o600)
            sync_folder(self._folder)

    def exchanges(self) -> list[Path]:
        """The files of what is on its way, the oldest first."""
        with _on_disk(self._folder):
            return sorted(self._folder.glob("*.json"))

    def forgotten(self) -> list[Path]:
        """The files of whom to forget; the stem of each is the pseudonym."""
        with _on_disk(self._folder):
            return sorted(self._folder.glob(f"*{FORGET}"))

    def read(self, path: Path) -> HeldExchange | None:
        """What a file holds; None where another gateway has filed it meanwhile. FixInput where it is damaged."""
        with _on_disk(self._folder), suppress(FileNotFoundError):
            return canonical.decode(HeldExchange, path.read_bytes())
        return None

    def remove(self, path: Path) -> None:
        """Take out what arrived."""
        with _on_disk(self._folder):
            path.unlink(missing_ok=True)
            sync_folder(self._folder)

    def find(self, decision: str) -> Held | None:
        """What waits under this decision's id, and did not arrive yet."""
        for path in (self._folder / f"{decision}.json", *self._folder.glob(f"*{SEVERAL}")):
            with suppress(FixInput):
                exchange = self.read(path)
                for held in exchange.held if exchange is not None else ():
                    if held.decision.id == decision:
                        return held
        return None


def _name(held: Sequence[Held]) -> str:
    """By the first decision, so that one is found without reading the others."""
    return f"{held[0].decision.id}{SEVERAL if len(held) > 1 else '.json'}"


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = "What was decided is logged, but may wait for nobody: mend the disk, then ask again."
        raise Unavailable("gateway.held", f"{folder} cannot be read or written: {error}.", hint) from error
