"""`holdfast drift`: two tables, at once."""

from __future__ import annotations

from pathlib import Path

import typer

from holdfast.cli.entrance import EXITS, JSON_OPTION, Exit, command, print_json


@command
def drift(
    reference: Path = typer.Argument(help="The table to hold against: CSV, Parquet or Arrow."),
    current: Path = typer.Argument(help="The table that may have changed."),
    limit: float = typer.Option(0.1, help="The least share of rows that must have moved to count as drift."),
    alpha: float = typer.Option(0.05, help="How often any column may be accused that did not change."),
    only: list[str] = typer.Option([], help="A column to compare; repeat."),
    exclude: list[str] = typer.Option([], help="A column to leave out; repeat."),
    together: bool = typer.Option(False, "--together", help="Also ask whether columns go together as they did."),
    html: Path | None = typer.Option(None, help="Also write a page with charts to this file."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say what changed from one table to another, and whether chance explains it.

    Exit code 0: nothing drifted. 1: something did. 3: too few rows to tell.

    Example: holdfast drift reference.parquet current.parquet
    """
    from holdfast import canonical
    from holdfast.flows.drift import compare

    found = compare(reference, current, limit=limit, alpha=alpha, only=only, exclude=exclude, together=together)
    if html is not None:
        from holdfast.reports.drift_html import render
        from holdfast.storage.cache import write_atomically

        write_atomically(html, render(found))
    if as_json:
        print_json({"outcome": found.outcome.value, **canonical.plain(found)})
    else:
        from rich.console import Console

        from holdfast.reports.drift_terminal import render_drift

        Console().print(render_drift(found, str(html or "")))
    return EXITS[found.outcome]
