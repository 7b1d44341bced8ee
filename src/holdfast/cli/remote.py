"""What the commands share that speak to a control plane: where it is, who asks, and how records are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from holdfast.cli.entrance import print_json

if TYPE_CHECKING:
    from holdfast.client import Client

URL_OPTION = typer.Option("http://127.0.0.1:8710", "--url", envvar="HOLDFAST_URL", help="Where the control plane is.")
TOKEN_OPTION = typer.Option("", "--token", envvar="HOLDFAST_TOKEN", help="An API token; better in the environment.")
LIMIT_OPTION = typer.Option(50, "--limit", min=1, max=200, help="How many to show at most.")

WIDE = 10_000
"""Columns where there is no terminal: a program that reads lines wants none broken."""
E = TypeVar("E", bound=StrEnum)
Columns = Mapping[str, Callable[[Any], str]]
"""A table's titles, and what of an item stands under each."""


@contextmanager
def connected(url: str, token: str) -> Iterator[Client]:
    """A client of the control plane; FixInput without a token."""
    from holdfast.client import Client
    from holdfast.domain.errors import FixInput

    if not token:
        hint = "Issue one in the console under your name, and set HOLDFAST_TOKEN."
        raise FixInput("client.token", "No token says who asks.", hint)
    with Client(url, token) as client:
        yield client


def show_page(page: Any, columns: Columns, *, as_json: bool) -> None:
    """A page of a list: the whole document, or a table."""
    if as_json:
        from holdfast import canonical

        print_json(canonical.plain(page))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_edge=False)
    for title in columns:
        table.add_column(title, overflow="fold")  # a key that is cut is of no use
    for item in page.items:
        table.add_row(*(read(item) for read in columns.values()))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=WIDE)
    console.print(table if page.items else "There is none.")
    if page.after:
        console.print("There are more; raise --limit or narrow the list.")


def show_record(record: Any, *, as_json: bool) -> None:
    """One record: the whole document, or a line for each of its fields that says something."""
    from holdfast import canonical

    document = canonical.plain(record)
    if as_json:
        print_json(document)
        return
    for name, value in _lines(document):
        typer.echo(f"{name}: {value}")


def _lines(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The fields at any depth, by their path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _lines(inner, f"{name}.{key}".removeprefix("."))
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        for number, inner in enumerate(value, 1):
            yield from _lines(inner, f"{name}.{number}")
    elif value not in ("", None, []):
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else value


def in_days(days: int) -> datetime:
    """The moment so many days from now, UTC."""
    return datetime.now(UTC) + timedelta(days=days)


def one_of(kind: type[E], text: str) -> E:
    """The word as one that exists; FixInput names those."""
    from holdfast.domain.errors import FixInput

    if text not in {member.value for member in kind}:
        raise FixInput(
            "option.unknown", f"There is no {kind.__name__.lower()} {text!r}.", f"There are: {', '.join(kind)}."
        )
    return kind(text)
