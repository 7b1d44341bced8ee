"""`holdfast decision`: one decision found again and proved, and the log sealed and held against the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION, connected

if TYPE_CHECKING:
    from holdfast.decisions.read import Reader
    from holdfast.decisions.registrar import Registrar
    from holdfast.decisions.verify import SegmentsVerified
    from holdfast.domain.decision import Decision
    from holdfast.wiring import DecisionFiles

app = typer.Typer(help="Decisions, as they were made and logged.", no_args_is_help=True, rich_markup_mode=None)
HOME_OPTION = typer.Option(Path("~/.holdfast"), envvar="HOLDFAST_HOME", help="Where the log, key and ledger lie.")
SEGMENTS_OPTION = typer.Option("", help="Where sealed segments lie: a folder or s3://…; else as the settings say.")
PLANE_OPTION = typer.Option(
    "", "--url", envvar="HOLDFAST_URL", help="The control plane that gateways register with; else the ledger in --home."
)
SYSTEM_OPTION = typer.Option("", help="Look at this system alone, which is quicker.")
ID = typer.Argument(help="The decision's id.")


@app.callback()
def _root() -> None:
    """Decisions, as they were made and logged."""


@app.command("show")
@command
def show(
    id: str = ID,
    home: Path = HOME_OPTION,
    segments: str = SEGMENTS_OPTION,
    system: str = SYSTEM_OPTION,
    url: str = PLANE_OPTION,
    token: str = TOKEN_OPTION,
) -> Exit:
    """Print one decision as JSON; personal fields stay sealed.

    A control plane adds its release, who let that in, who answered for the system then, and the outcome.

    Example: holdfast decision show 01a221af-6f6d-7000-8968-d35da861e512
    """
    from holdfast import canonical, wiring

    if url:
        with connected(url, token) as client:
            print_json(canonical.plain(client.show_decision(id)))
        return Exit.PASS
    print_json(as_document(wiring.decision_files(home.expanduser(), segments).reader.find(id, system=system)))
    return Exit.PASS


@app.command("prove")
@command
def prove(
    id: str = ID,
    out: Path | None = typer.Option(None, help="The proof's file; <id>.proof.json if not given."),
    home: Path = HOME_OPTION,
    segments: str = SEGMENTS_OPTION,
    system: str = SYSTEM_OPTION,
    url: str = PLANE_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Write the proof that this decision was logged, for somebody who has the ledger's public key and nothing else.

    The file is verified under that key before it is written.

    Example: holdfast decision prove 01a221af-6f6d-7000-8968-d35da861e512 --url https://holdfast.example
    """
    from holdfast.decisions.prove import prove as make
    from holdfast.ledger.decision_proof import verify_decision
    from holdfast.ledger.note import Key

    with _ledger(home.expanduser(), segments, url, token) as (reader, registrar, vkey):
        proof = make(id, reader, registrar, system=system)
    verify_decision(proof.encode(), Key.from_vkey(vkey))
    path = out or Path(f"{id}.proof.json")
    path.write_bytes(proof.encode())
    if as_json:
        print_json({"proof": str(path), "segment": proof.segment.place, "row": proof.row, "key": vkey})
    else:
        typer.echo(f"{path}: row {proof.row} of {proof.segment.rows}, {proof.segment.place}. The ledger's key: {vkey}")
    return Exit.PASS


@contextmanager
def _ledger(home: Path, segments: str, url: str, token: str) -> Iterator[tuple[Reader, Registrar, str]]:
    """Where decisions are read, what proves their segments, and the public key that it names."""
    from holdfast import wiring

    if not url:
        with wiring.open_archive(home, segments) as archive:
            yield archive.reader, archive.registrar, archive.ledger.key.vkey
        return
    from holdfast.client.registrar import PlaneRegistrar

    with connected(url, token) as client:
        yield wiring.decision_files(home, segments).reader, PlaneRegistrar(client), client.show_vkey().strip()


@app.command("seal")
@command
def seal(
    home: Path = HOME_OPTION,
    segments: str = SEGMENTS_OPTION,
    url: str = PLANE_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Seal and register what processes left behind that live no more.

    Example: holdfast decision seal --url https://holdfast.example
    """
    from holdfast import wiring
    from holdfast.decisions.adopt import adopt_all

    home = home.expanduser()
    files = wiring.decision_files(home, segments)
    with _ledger(home, segments, url, token) as (_, registrar, _key):
        adopted = adopt_all(files.root, files.segments, registrar)
    if as_json:
        print_json({"adopted": adopted})
    else:
        typer.echo(f"Sealed and cleared the folders of {adopted} processes that live no more.")
    return Exit.PASS


@app.command("verify")
@command
def verify(
    home: Path = HOME_OPTION,
    segments: str = SEGMENTS_OPTION,
    url: str = PLANE_OPTION,
    token: str = TOKEN_OPTION,
    key: str = typer.Option("", help="With --url: the ledger's public key (vkey), or a file that holds it."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Recompute every segment and hold it against the ledger. Exit code 1: something was changed; it is named.

    A control plane is verified first, as `holdfast verify URL` does, and has to be asked by an auditor.

    Example: holdfast decision verify --segments s3://bucket/log --url https://holdfast.example --key platform.vkey
    """
    from holdfast import canonical, wiring
    from holdfast.domain.errors import Tampered

    home = home.expanduser()
    files = wiring.decision_files(home, segments)
    try:
        found = _held_to_plane(files, url, token, key) if url else _held_to_own(home, segments)
    except Tampered as error:
        print_json({"verified": False, "error": error.message}) if as_json else typer.echo(f"NOT VERIFIED: {error}")
        return Exit.BREACH
    if as_json:
        print_json({"verified": True, **canonical.plain(found)})
    else:
        typer.echo(
            f"Verified: {found.rows} rows in {found.segments} segments; {found.removed} removed at the end of their"
            f" time; {len(found.pending)} on their way to the ledger."
        )
    return Exit.PASS


def _held_to_own(home: Path, segments: str) -> SegmentsVerified:
    from holdfast import wiring
    from holdfast.decisions.verify import records_in, verify_segments
    from holdfast.ledger.verify import verify_log

    with wiring.open_archive(home, segments) as archive:
        size, _ = archive.ledger.head()
        verify_log(home / "ledger", archive.ledger.key, origin=archive.ledger.origin)
        registered, removals = records_in(archive.ledger.read(0, size))
        return verify_segments(archive.segments, registered, removals, waiting=archive.reader.on_their_way())


def _held_to_plane(files: DecisionFiles, url: str, token: str, key: str) -> SegmentsVerified:
    from holdfast.cli.verify import fetched, key_of
    from holdfast.decisions.verify import records_among, verify_segments
    from holdfast.domain.act import ActRow
    from holdfast.ledger.export import ACTS, read_rows, verify_export

    pinned, waiting = key_of(key) if key else None, files.reader.on_their_way()
    with fetched(url, pinned, token) as folder:
        assert pinned is not None  # noqa: S101 - `fetched` asks for one
        verify_export(folder, pinned)
        known = records_among(read_rows(folder / ACTS, ActRow))
    segments = known.segments.values()
    return verify_segments(files.segments, segments, known.removals, waiting=waiting, held=known.held)


def as_document(decision: Decision) -> dict[str, Any]:
    """A decision as JSON types: named values as objects, and as text what JSON has no number for."""
    from holdfast import canonical

    document: dict[str, Any] = canonical.plain(decision)
    for way in ("inputs", "outputs"):
        document[way] = {name: _told(value) for name, value in getattr(decision, way)}
    return document


def _told(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
