"""`holdfast decision compare`: releases that decided beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.decision import HOME_OPTION, PLANE_OPTION
from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION, connected

if TYPE_CHECKING:
    from holdfast.domain.comparison import Agreement, Beside, Comparison, OutputBeside, Side

UNSAID = "too few or too alike to say how far apart"


@command
def compare(
    system: str = typer.Argument(help="The system's name in the inventory."),
    day: str = typer.Option("", help="A UTC day, as 2026-11-28; today if left out."),
    home: Path = HOME_OPTION,
    url: str = PLANE_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say what each release decided of a system's cases: a shadow's are the same cases, a canary's a share of them.

    Example: holdfast decision compare credit --day 2026-11-28
    """
    from holdfast import canonical

    found = _asked(system, day, url, token) if url else _read(system, day, home.expanduser())
    if as_json:
        print_json(canonical.plain(found))
    else:
        typer.echo("\n".join(_told(found)))
    return Exit.PASS


def _asked(system: str, day: str, url: str, token: str) -> Comparison:
    from holdfast.wiring import now

    with connected(url, token) as client:
        return client.compare_releases(system, day or now().date().isoformat())


def _read(system: str, day: str, home: Path) -> Comparison:
    from holdfast import wiring
    from holdfast.decisions.compare import compare as beside
    from holdfast.decisions.compare import is_needed
    from holdfast.domain.errors import FixInput

    try:
        first = date.fromisoformat(day) if day else wiring.now().date()
    except ValueError as error:
        raise FixInput("day.malformed", f"{day!r:.40} is no day.", "Write it as 2026-11-28.") from error
    span = (f"{one.isoformat()}T00:00:00Z" for one in (first, first + timedelta(days=1)))
    reader = wiring.decision_files(home).reader
    return beside(system, reader.table(is_needed, system=system, first=next(span), last=next(span)).to_pandas())


def _told(found: Comparison) -> Iterator[str]:
    if found.live is None:
        yield f"{found.system} decided nothing then."
        return
    yield _side(found.live)
    for other in found.others:
        yield from _beside(other)
    if not found.others:
        yield "No other release decided beside it."
    if found.trouble:
        yield found.trouble
    if not found.is_whole:
        yield "Of that day's decisions, only the latest were looked at."


def _side(side: Side) -> str:
    ended = ", ".join(f"{count:,} {name}" for name, count in side.ended)
    times = f"{side.p50_ms:.1f} ms, {side.p95_ms:.1f} ms at the 95th percentile"
    return f"{side.lane}  {side.release[:19]}  {side.rows:,} decisions: {ended}; {times}"


def _beside(other: Beside) -> Iterator[str]:
    yield _side(other.side)
    yield from (f"  {_agreement(one)}" for one in other.agreements)
    yield from (f"  {_output(one)}" for one in other.outputs)


def _agreement(one: Agreement) -> str:
    share = f"{one.same / one.pairs:.1%} ({one.share.low:.1%} to {one.share.high:.1%})"
    gap = "" if one.mean_gap is None else f"; {one.mean_gap:.4g} apart on average, {one.widest:.4g} at most"
    return f"{one.name}: the same in {share} of {one.pairs:,} cases{gap}"


def _output(one: OutputBeside) -> str:
    apart = one.difference
    if one.value:
        span = f"{100 * apart.low:+.1f} to {100 * apart.high:+.1f} points" if apart else UNSAID
        return f"{one.name} is {one.value} in {one.other:.1%} instead of {one.live:.1%} ({span})"
    span = f"{apart.low:+.4g} to {apart.high:+.4g}" if apart else UNSAID
    return f"{one.name} is {one.other:.4g} instead of {one.live:.4g} on average ({span})"
