"""`holdfast decision`: how long decisions are kept, legal holds, and what goes at the end of its time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.decision import HOME_OPTION, SEGMENTS_OPTION
from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, show_page, show_record

if TYPE_CHECKING:
    from holdfast.client import Client
    from holdfast.decisions.segments import Segments
    from holdfast.domain.act import Kept
    from holdfast.domain.decision import Segment
    from holdfast.domain.retention import Removal
    from holdfast.domain.view import Due

SYSTEM = typer.Argument(help="The system's name.")


@command
def retention(
    system: str = SYSTEM,
    days: int = typer.Option(..., min=1, help="How many days decisions are kept; 184 are six months."),
    because: str = typer.Option("", help="The law that asks for fewer than six months."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say how long decisions of a system are kept: six months at least, unless a law asks for less.

    Example: holdfast decision retention credit --days 730
    """
    with connected(url, token) as client:
        show_record(client.set_retention(system, days, because=because), as_json=as_json)
    return Exit.PASS


@command
def hold(
    system: str = SYSTEM,
    because: str = typer.Option(..., help="The case, in a sentence."),
    first: str = typer.Option("", help="The first day, as 2026-01-31; every earlier one, too, if left out."),
    last: str = typer.Option("", help="The last day; every later one, too, if left out."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Place a legal hold: nothing that it covers is removed, whatever its retention says.

    Example: holdfast decision hold credit --because "Case 7 C 12/27" --first 2026-01-01 --last 2026-06-30
    """
    with connected(url, token) as client:
        show_record(client.place_hold(system, because=because, first=first, last=last), as_json=as_json)
    return Exit.PASS


@command
def lift(
    key: str = typer.Argument(help="The hold's key."),
    reason: str = typer.Option(..., help="Why it can be lifted."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Lift a legal hold.

    Example: holdfast decision lift 3f0c5d --reason "The case is closed"
    """
    with connected(url, token) as client:
        show_record(client.lift_hold(key, reason=reason), as_json=as_json)
    return Exit.PASS


@command
def holds(
    system: str = typer.Option("", help="Those of this system alone."),
    state: str = typer.Option("placed", help="placed or lifted."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List legal holds.

    Example: holdfast decision holds
    """
    with connected(url, token) as client:
        page = client.list_holds(system=system, state=state, limit=limit)
    columns = {
        "hold": lambda kept: kept.key,
        "system": lambda kept: kept.record.system,
        "first": lambda kept: kept.record.first or "any",
        "last": lambda kept: kept.record.last or "any",
        "why": lambda kept: kept.record.because,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@dataclass
class _Told:
    """Places of segments: what goes (or went), what a hold keeps, and what was left over from an earlier run."""

    removed: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)


@command
def retain(
    remove: bool = typer.Option(False, "--remove", help="Delete the files; without it, only say which."),
    system: str = typer.Option("", help="Those of this system alone."),
    home: Path = HOME_OPTION,
    segments: str = SEGMENTS_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say which segments are past their retention and under no hold, and with --remove delete them.

    Each removal stands in the ledger before its file is deleted. A crash between leaves a file too many, which the
    next run deletes.

    Example: holdfast decision retain --segments s3://bucket/log --url https://holdfast.example --remove
    """
    from holdfast import wiring

    kept = wiring.decision_files(home.expanduser(), segments).segments
    told = _Told()
    with connected(url, token) as client:
        names = [system] if system else [one.key for one in client.every(client.list_retention)]
        for name in names:
            _clear_left_over(client, kept, name, told, remove=remove)
            for due in list(client.every(client.list_due, system=name)):
                _retain(client, kept, due, told, remove=remove)
    if as_json:
        print_json({"removes": remove, **asdict(told)})
    else:
        _tell(told, remove=remove)
    return Exit.PASS


def _retain(client: Client, kept: Segments, due: Due, told: _Told, *, remove: bool) -> None:
    segment = due.segment.record
    is_gone = not due.hold and (not remove or _removed(client, kept, segment))
    (told.removed if is_gone else told.held).append(segment.place)


def _removed(client: Client, kept: Segments, segment: Segment) -> bool:
    """Delete a file whose removal stands in the ledger then; False where a hold turns out to keep it."""
    from holdfast.domain.errors import Conflict
    from holdfast.flows.retention import HELD

    try:
        client.remove_segment(segment.file)
    except Conflict as error:
        if error.code != HELD:
            raise
        return False
    kept.delete(segment.place)
    return True


def _clear_left_over(client: Client, kept: Segments, system: str, told: _Told, *, remove: bool) -> None:
    """Files whose removal is in the ledger already; a hold that was placed since keeps them."""
    from holdfast.ledger.decided import FORMS, folder_of

    places = {place for form in FORMS.values() for place in kept.places(folder_of(form, system))}
    gone: list[Kept[Removal]] = list(client.every(client.list_removals, system=system)) if places else []
    left = [client.show_segment(one.key).record for one in gone if one.record.place in places]
    holds = [one.record for one in client.every(client.list_holds, system=system, state="placed")] if left else []
    for segment in left:
        is_held = any(hold.covers(segment.system, segment.day) for hold in holds)
        is_gone = not is_held and (not remove or _removed(client, kept, segment))
        (told.left_over if is_gone else told.held).append(segment.place)


def _tell(told: _Told, *, remove: bool) -> None:
    for place in (*told.left_over, *told.removed):
        typer.echo(f"{'removed' if remove else 'would go'}: {place}")
    for place in told.held:
        typer.echo(f"held: {place}")
    went = len(told.removed) + len(told.left_over)
    hint = "" if remove or not went else " Nothing was touched: repeat it with --remove."
    typer.echo(f"{went} segments {'removed' if remove else 'past their time'}, {len(told.held)} under a hold.{hint}")
