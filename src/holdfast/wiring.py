"""Builds what the flows ask for from the settings: the only file that knows all adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast import canonical
from holdfast.domain.errors import FixInput
from holdfast.domain.run import Run
from holdfast.settings import Settings, read_settings
from holdfast.storage.runs import RECORD, RunFolders

if TYPE_CHECKING:
    from holdfast.domain.appetite import Appetite
    from holdfast.flows.attack import Request
    from holdfast.flows.check import House
    from holdfast.manifest import Manifest
    from holdfast.ports import Signer
    from holdfast.server.platform import Platform

ORIGIN = "holdfast.local/ledger"
KEY = "key.pem"


@dataclass(frozen=True)
class Project:
    """One manifest's folder, what is asked of it, and where its state is kept."""

    request: Request
    settings: Settings
    home: Path

    @contextmanager
    def house(self) -> Iterator[House]:
        """The flow's surroundings: key, ledger, cache and run folders under `home`."""
        from holdfast.flows.check import House
        from holdfast.ledger.log import Log
        from holdfast.plugins import find_probes
        from holdfast.storage.cache import DiskCache

        signer, secret = open_key(self.home)
        with Log(self.home / "ledger", signer, ORIGIN) as ledger:
            yield House(
                settings=self.settings,
                clock=now,
                signer=signer,
                ledger=ledger,
                cache=DiskCache(self.home / "cache", secret),
                runs=RunFolders(self.home / "runs"),
                probes=find_probes(self.settings.plugins),
                renderers=renderers(),
            )


def now() -> datetime:
    """The time, aware, UTC."""
    return datetime.now(UTC)


def open_project(
    path: Path,
    *,
    effort: str = "standard",
    only: tuple[str, ...] = (),
    fresh: bool = False,
    appetite: Path | None = None,
) -> Project:
    """The project whose manifest is at `path` (a file or its folder); FixInput for what cannot be used."""
    from holdfast.appetite import read_appetite
    from holdfast.manifest import read_manifest

    manifest = read_manifest(path)
    folder = (path if path.is_dir() else path.parent).resolve()
    named = folder / manifest.appetite if manifest.appetite else None
    limits = read_appetite(appetite or named)
    return _project(manifest, folder, limits, effort=effort, only=only, fresh=fresh, home=None)


def project_of(
    document: Mapping[str, Any],
    folder: Path,
    *,
    home: Path,
    effort: str,
    only: tuple[str, ...],
    appetite: Appetite | None,
) -> Project:
    """The project of a manifest in memory; relative paths start at `folder`."""
    from holdfast.appetite import read_appetite
    from holdfast.manifest import FILENAME, parse_manifest

    manifest = parse_manifest(document, FILENAME)
    return _project(manifest, folder, appetite or read_appetite(None), effort=effort, only=only, fresh=False, home=home)


def _project(
    manifest: Manifest,
    folder: Path,
    appetite: Appetite,
    *,
    effort: str,
    only: tuple[str, ...],
    fresh: bool,
    home: Path | None,
) -> Project:
    from holdfast.flows.attack import Request
    from holdfast.probes.contract import EFFORTS
    from holdfast.releases.release import Release

    if effort not in EFFORTS:
        raise FixInput("check.effort", f"There is no effort {effort!r}.", f"There are: {', '.join(EFFORTS)}.")
    request = Request(Release(manifest, folder), appetite, effort=effort, only=only, fresh=fresh)
    settings = read_settings()
    return Project(request, settings, settings.home or home or folder / ".holdfast")


def open_run(folder: Path, prefix: str) -> Run:
    """A run that is kept for the project in `folder`, by its first digits or ``latest``."""
    runs = RunFolders(read_settings().home_for(folder) / "runs")
    record = runs.read(runs.find(prefix), RECORD)
    return canonical.decode(Run, record or b"")


def renderers() -> Mapping[str, Callable[[Run], bytes]]:
    """Each report by its file name."""
    from holdfast.reports import html, mlbom, model_card, sarif

    return {
        "report.html": html.render,
        "results.sarif": sarif.render,
        "mlbom.cdx.json": mlbom.render,
        "model-card.md": model_card.render,
    }


def open_key(home: Path) -> tuple[Signer, bytes]:
    """The installation's signing key, made on first use, and a secret derived from it for the cache."""
    from holdfast.storage.keys import load_or_create

    path = home / KEY
    signer = load_or_create(path, ORIGIN)
    return signer, path.read_bytes()


@contextmanager
def open_platform(home: Path, *, database: str, url: str) -> Iterator[Platform]:
    """The control plane whose files lie in `home`, on `database` (a URL; SQLite in `home` where empty).

    The schema is brought up to date first; the sequencer runs while the block lasts.
    """
    from holdfast.flows.courier import Courier
    from holdfast.flows.desk import Desk
    from holdfast.flows.sequence import Sequencer
    from holdfast.ledger.log import Log
    from holdfast.questionnaires import read_questionnaires
    from holdfast.server.platform import Platform
    from holdfast.storage.accounts import SqlAccounts
    from holdfast.storage.blobs import FileBlobs
    from holdfast.storage.places import FilePlaces
    from holdfast.storage.schema import upgrade
    from holdfast.storage.sql import SqlStore, open_engine

    questionnaires = read_questionnaires(read_settings().questionnaires)
    signer, secret = open_key(home)
    engine = open_engine(database or f"sqlite:///{home / 'holdfast.db'}")
    try:
        upgrade(engine)
        store = SqlStore(engine)
        places = FilePlaces(home / "webhooks")
        with (
            Log(home / "ledger", signer, ORIGIN) as ledger,
            Sequencer(store, ledger) as sequencer,
            Courier(store, ledger, places, secret, now) as courier,
        ):
            desk = Desk(store, FileBlobs(home / "blobs"), signer, ledger, now, committed=sequencer.wake)
            yield Platform(desk, SqlAccounts(store, secret), sequencer, url, questionnaires, courier)
    finally:
        engine.dispose()
