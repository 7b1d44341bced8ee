"""`holdfast release`: releases and where they come from."""

from __future__ import annotations

import typer

app = typer.Typer(help="Releases and where they come from.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """Releases and where they come from."""
