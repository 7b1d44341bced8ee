"""`holdfast check`: attack a release and judge it."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import EXITS, JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION, URL_OPTION, connected

if TYPE_CHECKING:
    from holdfast.domain.run import Run


@command
def check(
    path: Path = typer.Argument(Path(), help="The manifest, or the folder that holds holdfast.yaml."),
    effort: str = typer.Option("standard", help="quick, standard or deep: how much each probe may ask."),
    only: list[str] = typer.Option([], help="Run only this probe or family; repeat for more."),
    fresh: bool = typer.Option(False, "--fresh", help="Attack again even where kept results still stand."),
    due: int = typer.Option(0, min=0, help="Measure again what counts for less than so many days more."),
    appetite: Path | None = typer.Option(None, help="An appetite document, instead of the manifest's."),
    out: Path | None = typer.Option(None, help="Copy the reports and the evidence to this folder."),
    submit: str = typer.Option("", help="Also register the release under this version with the control plane."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Attack a release and hold it to the appetite.

    Example: holdfast check --effort quick
    """
    from holdfast.cli.progress import watching
    from holdfast.cli.release import submit_run
    from holdfast.flows.check import check as take
    from holdfast.wiring import open_project

    project = open_project(path, effort=effort, only=tuple(only), fresh=fresh, due=due, appetite=appetite)
    with connected(url, token) if submit else nullcontext() as client:
        with project.house() as house, watching(quiet=as_json, folder=project.home) as watcher:
            run = take(project.request, house, watcher)
            place = house.runs.path(run.id)
        if out is not None:
            shutil.copytree(place, out, dirs_exist_ok=True)
        if client is not None:
            there = submit_run(client, place, submit).record.outcome
            typer.echo(f"Registered as {submit} with {url}, where the verdict is {there}.", err=True)
    _show(run, out or place, as_json)
    return EXITS[run.verdict.outcome]


def _show(run: Run, place: Path, as_json: bool) -> None:
    if as_json:
        from holdfast import canonical

        print_json({**canonical.plain(run), "folder": str(place)})
        return
    from rich.console import Console

    from holdfast.reports.terminal import render

    Console().print(render(run, place))
