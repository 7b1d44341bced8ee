"""`holdfast decision`: one decision found again and proved, and the log sealed and held against the ledger."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json

if TYPE_CHECKING:
    from holdfast.domain.decision import Decision

app = typer.Typer(help="Decisions, as they were made and logged.", no_args_is_help=True, rich_markup_mode=None)
HOME_OPTION = typer.Option(Path("~/.holdfast"), envvar="HOLDFAST_HOME", help="Where the log, key and ledger lie.")
ID = typer.Argument(help="The decision's id.")


@app.callback()
def _root() -> None:
    """Decisions, as they were made and logged."""


@app.command("show")
@command
def show(id: str = ID, home: Path = HOME_OPTION) -> Exit:
    """Print one decision as JSON; personal fields stay sealed.

    Example: holdfast decision show 01a221af-6f6d-7000-8968-d35da861e512
    """
    from holdfast import wiring

    with wiring.open_archive(home.expanduser()) as archive:
        print_json(as_document(archive.reader.find(id)))
    return Exit.PASS


@app.command("prove")
@command
def prove(
    id: str = ID,
    out: Path | None = typer.Option(None, help="The proof's file; <id>.proof.json if not given."),
    home: Path = HOME_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Write the proof that this decision was logged, for somebody who has the ledger's public key and nothing else.

    Example: holdfast decision prove 01a221af-6f6d-7000-8968-d35da861e512
    """
    from holdfast import wiring
    from holdfast.decisions.prove import prove as make

    with wiring.open_archive(home.expanduser()) as archive:
        proof = make(id, archive.reader, archive.registrar)
        vkey = archive.ledger.key.vkey
    path = out or Path(f"{id}.proof.json")
    path.write_bytes(proof.encode())
    if as_json:
        print_json({"proof": str(path), "segment": proof.segment.place, "row": proof.row, "key": vkey})
    else:
        typer.echo(f"{path}: row {proof.row} of {proof.segment.rows}, {proof.segment.place}. The ledger's key: {vkey}")
    return Exit.PASS


@app.command("seal")
@command
def seal(home: Path = HOME_OPTION, as_json: bool = JSON_OPTION) -> Exit:
    """Seal and register what processes left behind that live no more.

    Example: holdfast decision seal
    """
    from holdfast import wiring
    from holdfast.decisions.adopt import adopt_all

    with wiring.open_archive(home.expanduser()) as archive:
        adopted = adopt_all(archive.root, archive.segments, archive.registrar)
    if as_json:
        print_json({"adopted": adopted})
    else:
        typer.echo(f"Sealed and cleared the folders of {adopted} processes that live no more.")
    return Exit.PASS


@app.command("verify")
@command
def verify(home: Path = HOME_OPTION, as_json: bool = JSON_OPTION) -> Exit:
    """Recompute every segment and hold it against the ledger. Exit code 1: something was changed; it is named.

    Example: holdfast decision verify
    """
    from holdfast import canonical, wiring
    from holdfast.decisions.verify import records_in, verify_segments
    from holdfast.domain.errors import Tampered
    from holdfast.ledger.verify import verify_log

    home = home.expanduser()
    try:
        with wiring.open_archive(home) as archive:
            size, _ = archive.ledger.head()
            verify_log(home / "ledger", archive.ledger.key, origin=archive.ledger.origin)
            segments, removals = records_in(archive.ledger.read(0, size))
            found = verify_segments(archive.segments, segments, removals, waiting=archive.reader.on_their_way())
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


def as_document(decision: Decision) -> dict[str, Any]:
    """A decision as JSON types: named values as objects, and as text what JSON has no number for."""
    from holdfast import canonical

    document: dict[str, Any] = canonical.plain(decision)
    for way in ("inputs", "outputs"):
        document[way] = {name: _told(value) for name, value in getattr(decision, way)}
    return document


def _told(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
