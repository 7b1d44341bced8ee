"""`holdfast record`: a pipeline step with sealed provenance, and the lineage that follows from it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION, URL_OPTION

if TYPE_CHECKING:
    from holdfast.domain.lineage import Lineage
    from holdfast.domain.provenance import Provenance

SETTINGS = {"allow_interspersed_args": False}


@command
def record(
    step: list[str] = typer.Argument(None, metavar="[--] COMMAND...", help="The step to run, with its own options."),
    inputs: list[Path] = typer.Option([], "--in", help="A file or folder that goes in; repeat. Others are detected."),
    outputs: list[Path] = typer.Option([], "--out", help="A file or folder that comes out; repeat. Others are seen."),
    show: Path | None = typer.Option(None, "--show", help="Run nothing; show where this file comes from."),
    actor: str = typer.Option("", "--as", help="Who runs it; your user name if not given."),
    submit: bool = typer.Option(False, "--submit", help="File the record with the control plane, too."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> int:
    """Run a pipeline step, seal what went in and came out as SLSA provenance, and end with the step's own exit code.

    With --submit releases are traced through the step over there. With --show: exit code 0 if every way back ends at
    attested data, 1 if a link is broken.

    Example: holdfast record --in raw.csv -- python train.py
    """
    from holdfast.domain.errors import FixInput

    if show is not None:
        return _show(show, as_json)
    if not step:
        raise FixInput("record.command", "There is no step to run.", "holdfast record -- python train.py")
    there = (url, token) if submit else None
    return _record(tuple(step), tuple(inputs), tuple(outputs), actor, there, as_json)


def _record(
    words: tuple[str, ...],
    inputs: tuple[Path, ...],
    outputs: tuple[Path, ...],
    actor: str,
    there: tuple[str, str] | None,
    as_json: bool,
) -> int:
    from holdfast.domain.errors import HoldfastError
    from holdfast.flows.record import Step, run_step
    from holdfast.wiring import now, open_records

    records, home = open_records(Path.cwd())  # before the step: a key that is unusable should not cost its work
    asked = Step(words, Path.cwd(), inputs, outputs, actor, leave_out=(home,))
    made = run_step(asked, os.environ, now)
    try:
        path = records.add(made, made.finished_at) if made.outputs else None
        _say(made, path, as_json)
        if path is not None and there is not None:
            _submit(path, *there)
    except HoldfastError as error:
        if made.succeeded:
            raise  # a step without its record has not done what was asked for
        typer.echo(f"holdfast: the step failed, and its record could not be kept or filed: {error}", err=True)
        return made.exit_code
    return made.exit_code


def _submit(path: Path, url: str, token: str) -> None:
    from holdfast.cli.data_submit import submit_sealed
    from holdfast.cli.remote import connected

    with connected(url, token) as client:
        kept = submit_sealed(client, path)
    typer.echo(f"holdfast: filed with {url} as {kept.key}", err=True)


def _say(made: Provenance, path: Path | None, as_json: bool) -> None:
    """What was recorded, on standard error: standard output is the step's."""
    from holdfast import canonical

    if as_json:
        document = {"provenance": str(path) if path else None, **canonical.plain(made)}
        typer.echo(canonical.encode(document).decode(), err=True)
        return
    if path is None:
        typer.echo("holdfast: the step wrote no file in the project, so there is nothing to attest.", err=True)
        return
    count = f"{len(made.data)} data and {len(made.inputs) - len(made.data)} code files in, {len(made.outputs)} out"
    typer.echo(f"holdfast: {count}; sealed in {path}", err=True)
    for gap in (*made.gaps, *(f"{name} was declared with --out and is not there." for name in made.missing)):
        typer.echo(f"holdfast: {gap}", err=True)


def _show(path: Path, as_json: bool) -> Exit:
    from holdfast import canonical
    from holdfast.flows.lineage import lineage_of
    from holdfast.wiring import open_records

    records, _home = open_records(Path.cwd())
    lineage, refused = lineage_of(path, records)
    if as_json:
        document: dict[str, Any] = canonical.plain(lineage)
        print_json({"complete": lineage.is_complete, "refused": [str(file) for file in refused], **document})
    else:
        typer.echo("\n".join([*lines_of(lineage), *(f"NOT VERIFIED, left out: {file}" for file in refused)]))
    return Exit.PASS if lineage.is_complete and not refused else Exit.BREACH


def lines_of(lineage: Lineage) -> list[str]:
    """A lineage for a terminal, file by file, and whether it is complete."""
    from holdfast.domain.lineage import Origin

    lines = []
    for link in lineage.links:
        lines.append(f"{', '.join(link.names) or '(no name)'}  {link.digest[:19]}  {link.origin}")
        if link.origin is Origin.SOURCE and link.source:
            lines.append(f"    from {link.source.where} ({link.source.licence}), attested by {link.source.attested_by}")
        steps = [step for step in link.made_by if step.command]
        lines += [f"    by `{' '.join(step.command)}` at {step.finished_at} ({step.actor})" for step in steps]
        lines += [f"    BROKEN: {link.because}"] if link.because else []
        lines += [f"    note: {remark}" for remark in link.remarks]
    total = f"{len(lineage.links)} files"
    return [*lines, f"Complete: {total}." if lineage.is_complete else f"{len(lineage.broken)} of {total} broken."]
