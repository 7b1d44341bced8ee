"""Builds what the flows ask for from the settings: the only place that knows all adapters."""

from __future__ import annotations

import atexit
import os
import re
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast import canonical
from holdfast.domain.errors import Absent, FixInput
from holdfast.domain.run import Run
from holdfast.settings import Settings, read_settings
from holdfast.storage.runs import RECORD, RunFolders

if TYPE_CHECKING:
    from holdfast.decisions.log import SegmentLog
    from holdfast.decisions.read import Reader
    from holdfast.decisions.registrar import LedgerRegistrar, Registrar
    from holdfast.decisions.segments import Segments
    from holdfast.decisions.subjects import Subjects
    from holdfast.domain.appetite import Appetite
    from holdfast.domain.decision import Decision
    from holdfast.flows.attack import Request
    from holdfast.flows.check import House
    from holdfast.flows.desk import Desk
    from holdfast.flows.export import Premises
    from holdfast.flows.security_events import SecurityEvents
    from holdfast.gateway.review.held import HeldFolder
    from holdfast.gateway.setup.document import GatewayDocument
    from holdfast.gateway.setup.premises import Premises as GatewayPremises
    from holdfast.gateway.tools.guarded import GuardedTools
    from holdfast.ledger.export import Exported
    from holdfast.ledger.log import Log
    from holdfast.manifest import Manifest
    from holdfast.ports import Signer
    from holdfast.server.oidc import Provider
    from holdfast.server.platform import DecisionRoom, Platform
    from holdfast.storage.places import SqlPlaces
    from holdfast.storage.sealed import SealedRecords
    from holdfast.storage.sql import SqlStore

ORIGIN = "holdfast.local/ledger"
KEY = "key.pem"

PLANE_SECONDS = 5.0
"""How long a gateway waits for the control plane to register a segment; it is told to stop within half a minute."""


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
        from holdfast.plugins import find_monitors, find_probes
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
                monitors=find_monitors(self.settings.plugins),
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
    due: int = 0,
    appetite: Path | None = None,
) -> Project:
    """The project whose manifest is at `path` (a file or its folder); FixInput for what cannot be used."""
    from holdfast.appetite import read_appetite
    from holdfast.manifest import read_manifest

    manifest = read_manifest(path)
    folder = (path if path.is_dir() else path.parent).resolve()
    named = folder / manifest.appetite if manifest.appetite else None
    limits = read_appetite(appetite or named)
    project = _project(manifest, folder, limits, effort=effort, only=only, fresh=fresh, home=None)
    return replace(project, request=replace(project.request, due=due))


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


def open_records(folder: Path) -> tuple[SealedRecords, Path]:
    """The sealed records of the project in `folder`, and where its state is kept."""
    from holdfast.storage.sealed import SealedRecords

    home = read_settings().home_for(folder)
    return SealedRecords(home, open_key(home)[0], ORIGIN), home


@dataclass(frozen=True)
class DecisionFiles:
    """Where decisions lie: the log's folder, the segments' place, and a reader of both."""

    root: Path
    segments: Segments

    @property
    def reader(self) -> Reader:
        """Whoever reads them; it takes a library of tables, which a gateway does without."""
        from holdfast.decisions.read import Reader

        return Reader(self.root, self.segments)


@dataclass(frozen=True)
class DecisionArchive(DecisionFiles):
    """What is kept of decisions on this machine, and in its ledger; `held` is None where no gateway ever ran."""

    registrar: LedgerRegistrar
    subjects: Subjects
    ledger: Log
    held: HeldFolder | None


def decision_files(home: Path, segments: str = "") -> DecisionFiles:
    """The decision log in `home`, and its segments: at `segments`, or wherever the settings say. Makes nothing."""
    from holdfast.decisions.segments import segments_at

    root = home / "decisions"
    place = segments_at(segments or read_settings().segments or str(root / "segments"))
    return DecisionFiles(root, place)


@contextmanager
def open_subjects(home: Path) -> Iterator[Subjects]:
    """The keys of subjects, and of what people decide upon, that are kept in `home`."""
    from holdfast.decisions.master import MasterKey
    from holdfast.decisions.subjects import Subjects

    text = read_settings().master_key
    master = MasterKey.from_text(text) if text else MasterKey.in_file(home / "master.key")
    subjects = Subjects(home / "subjects.db", master)
    try:
        yield subjects
    finally:
        subjects.close()


@contextmanager
def open_archive(home: Path, segments: str = "") -> Iterator[DecisionArchive]:
    """The decision log in `home`, registered in the ledger there; see `decision_files`."""
    from holdfast.decisions.registrar import LedgerRegistrar
    from holdfast.gateway.review.held import PLACE, HeldFolder
    from holdfast.ledger.log import Log

    files = decision_files(home, segments)
    with open_subjects(home) as subjects, Log(home / "ledger", open_key(home)[0], ORIGIN) as ledger:
        registrar, place = LedgerRegistrar(ledger), home / PLACE
        held = HeldFolder(place) if place.is_dir() else None
        yield DecisionArchive(files.root, files.segments, registrar, subjects, ledger, held)


def open_decision_log(
    files: DecisionFiles, registrar: Registrar, gateway: str, *, within: float | None = None, apart: bool = False
) -> SegmentLog:
    """The log that the process called `gateway` writes to (see `SegmentLog`); close it to drain."""
    from holdfast.decisions.log import SegmentLog

    return SegmentLog(files.root, gateway, files.segments, registrar, within=within, apart=apart)


def open_shield_log(folder: Path) -> SegmentLog:
    """A decision log of this process's own, beside those of other processes, for the project in `folder`; drained when
    the process ends.
    """
    stack = ExitStack()
    archive = stack.enter_context(open_archive(read_settings().home_for(folder)))
    log = stack.enter_context(open_decision_log(archive, archive.registrar, name_of_process("shield")))
    atexit.register(stack.close)
    return log


@contextmanager
def open_guarded_tools(home: Path, policy: Path, system: str) -> Iterator[GuardedTools]:
    """An MCP server of this machine under the policy in a file, with the decision log in `home`, drained at the end."""
    from holdfast.gateway.setup.build_tools import local_tools
    from holdfast.policy import read_policy

    read = read_policy(policy)
    with open_archive(home) as archive:
        name = name_of_process("tools")
        with open_decision_log(archive, archive.registrar, name) as log:
            yield local_tools(read, system, log=log, vault=archive.subjects, clock=now)


@contextmanager
def open_gateway_premises(document: GatewayDocument, folder: Path, home: Path, token: str) -> Iterator[GatewayPremises]:
    """What the gateway of a document needs: its decision log in `home`, drained when the block ends, and the keys of
    subjects. Segments are registered with the document's control plane, and wait in `home` until it has answered.
    """
    import httpx

    from holdfast.client import Client
    from holdfast.client.registrar import PlaneRegistrar
    from holdfast.gateway.setup.premises import Premises as GatewayPremises

    within, http = document.log.within, httpx.Client(timeout=PLANE_SECONDS)
    with (
        open_subjects(home) as subjects,
        Client(document.control_plane.url, token, http=http) as plane,
        open_decision_log(
            decision_files(home), PlaneRegistrar(plane), document.gateway, within=within, apart=True
        ) as log,
    ):
        yield GatewayPremises(folder, home, token, log, subjects, now)


def premises(home: Path) -> Premises:
    """Where a control plane in `home` keeps what is no row."""
    from holdfast.flows.export import Premises

    return Premises(ledger=home / "ledger", blobs=home / "blobs", key=home / KEY)


@contextmanager
def open_store(home: Path, database: str) -> Iterator[SqlStore]:
    """The store on `database` (a URL; SQLite in `home` where empty), its schema brought up to date."""
    from holdfast.storage.engine import open_engine
    from holdfast.storage.schema import upgrade
    from holdfast.storage.sql import SqlStore

    engine = open_engine(database or f"sqlite:///{home / 'holdfast.db'}")
    try:
        upgrade(engine)
        yield SqlStore(engine)
    finally:
        engine.dispose()


@contextmanager
def open_platform(home: Path, *, database: str, url: str) -> Iterator[Platform]:
    """The control plane whose files lie in `home`; sequencer, courier, lapser and watcher run while the block lasts."""
    from holdfast.decisions.observe import Observations
    from holdfast.flows.courier import Courier
    from holdfast.flows.desk import Desk
    from holdfast.flows.lapser import Lapser
    from holdfast.flows.mail import Mailer, Office
    from holdfast.flows.sequence import Sequencer
    from holdfast.flows.watch import Post
    from holdfast.flows.watcher import Watcher
    from holdfast.ledger.log import Log
    from holdfast.plugins import find_measures, find_monitors
    from holdfast.questionnaires import read_questionnaires
    from holdfast.server.platform import Platform
    from holdfast.storage.accounts import SqlAccounts
    from holdfast.storage.answers import SqlAnswers
    from holdfast.storage.batches import SqlBatches
    from holdfast.storage.blobs import FileBlobs
    from holdfast.storage.contents import SqlContents
    from holdfast.storage.places import SqlPlaces

    settings = read_settings()
    questionnaires = read_questionnaires(settings.questionnaires)
    measures = find_measures(settings.plugins)
    signer, secret = open_key(home)
    place = premises(home)
    with (
        open_store(home, database) as store,
        Log(place.ledger, signer, ORIGIN) as ledger,
        open_subjects(home) as subjects,
        Sequencer(store, ledger) as sequencer,
        Courier(store, ledger, _places(store, home), secret, now) as courier,
    ):
        contents, prompts = SqlContents.of_reviews(store, subjects), SqlContents.of_prompts(store, subjects)
        desk = Desk(store, FileBlobs(place.blobs), signer, ledger, now, contents, prompts, committed=sequencer.wake)
        accounts = SqlAccounts(store, secret)
        answers = SqlAnswers(store)
        files = decision_files(home)
        observing = Observations(files.segments, files.reader)
        post = Post(observing, SqlBatches(store), find_monitors(settings.plugins), measures)
        mailer = Mailer(desk, accounts, SqlPlaces(store), Office(settings.smtp, settings.sender, url))
        with (
            open_decision_room(home, desk) as room,
            _telling(store, ledger, settings) as events,
            Lapser(desk),
            Watcher(desk, post, mailer, SqlPlaces(store), every=settings.watch_seconds) as watcher,
        ):
            yield Platform(
                desk,
                accounts,
                sequencer,
                url,
                _provider(url),
                questionnaires,
                courier,
                measures,
                answers,
                room=room,
                watcher=watcher,
                events=events,
            )


@contextmanager
def open_decision_room(home: Path, desk: Desk) -> Iterator[DecisionRoom]:
    """Where a control plane in `home` reads decisions, and the log that it keeps labels in."""
    from holdfast.decisions.archive import Archive
    from holdfast.flows.register_segments import DeskRegistrar
    from holdfast.releases.shelf import Shelf
    from holdfast.server.platform import DecisionRoom

    files = decision_files(home)
    with open_decision_log(files, DeskRegistrar(desk), name_of_process("plane")) as log:
        place = read_settings().releases
        shelf = Shelf(place) if place is not None else None
        yield DecisionRoom(Archive(files.segments, files.reader), log, KeysIn(home), shelf)


@dataclass(frozen=True)
class KeysIn:
    """The keys of subjects that gateways keep in `home`, asked as they are at that moment."""

    home: Path

    def open(self, decision: Decision) -> Decision:
        """The decision with its sealed fields in place; Absent where no key is kept here, or it was destroyed."""
        if not (read_settings().master_key or (self.home / "master.key").exists()):
            hint = "Put it back, or set HOLDFAST_MASTER_KEY."
            raise Absent("personal.keys", "The master key of this control plane is gone.", hint)
        with open_subjects(self.home) as subjects:
            return subjects.open(decision)


def name_of_process(kind: str) -> str:
    """A name in the decision log that no other process has or had."""
    host = re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname().partition(".")[0])
    return f"{kind}-{host}-{os.getpid()}-{secrets.token_hex(3)}"[:100]


@contextmanager
def _telling(store: SqlStore, ledger: Log, settings: Settings) -> Iterator[SecurityEvents | None]:
    """What tells a SIEM, where there is one."""
    from holdfast.flows.carriers import carrier_to
    from holdfast.flows.security_events import SecurityEvents
    from holdfast.storage.places import SqlPlaces

    if not settings.events:
        yield None
        return
    carrier = carrier_to(settings.events, settings.events_authorization)
    with SecurityEvents(store, ledger, SqlPlaces(store), carrier) as events:
        yield events


def _places(store: SqlStore, home: Path) -> SqlPlaces:
    from holdfast.domain.webhook import Webhook
    from holdfast.flows.desk import every
    from holdfast.storage.places import SqlPlaces

    places = SqlPlaces(store)
    places.adopt(home / "webhooks", (kept.key for kept in every(store, Webhook)))
    return places


def _provider(url: str) -> Provider | None:
    from holdfast.server.oidc import Provider

    settings = read_settings().single_sign_on
    return Provider(settings, f"{url}/sign-in/oidc/back") if settings else None


def export(home: Path, *, database: str, folder: Path, private: bool) -> None:
    """Write the control plane in `home` to `folder`, also while it runs."""
    from holdfast.flows import export as flow
    from holdfast.ledger.log import Log

    if not (home / KEY).exists():
        raise FixInput("export.home", f"No platform is kept in {home}.", "Name its --home.")
    signer, _ = open_key(home)
    place = premises(home)
    with open_store(home, database) as store, Log(place.ledger, signer, ORIGIN) as ledger:
        flow.export(store, ledger, signer, now, premises=place, folder=folder, private=private)


def restore(home: Path, *, database: str, folder: Path) -> Exported:
    """Put a backup back into an empty `home` and an empty database."""
    from holdfast.flows import export as flow
    from holdfast.storage.blobs import FileBlobs

    with ExitStack() as stack:
        return flow.restore(folder, premises(home), lambda: stack.enter_context(open_store(home, database)), FileBlobs)
