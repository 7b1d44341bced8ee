"""`holdfast data feedback`: labels that came back, judged before they become training data."""

from __future__ import annotations

import csv
from pathlib import Path

import typer

from holdfast.cli.entrance import EXITS, JSON_OPTION, Exit, command, print_json


@command
def feedback(
    system: str = typer.Argument("", help="The system's name in the log; the run's, if it is left out."),
    table: Path | None = typer.Option(None, help="A table that a model is to learn from, instead of the log's labels."),
    out: Path | None = typer.Option(None, help="Write what is kept back to this CSV file."),
    run: str = typer.Option("latest", help="The run of the release that decided: first digits of its id, or latest."),
    home: Path = typer.Option(Path(".holdfast"), envvar="HOLDFAST_HOME", help="Where runs and the decision log lie."),
    segments: str = typer.Option("", help="Where sealed segments lie: a folder or s3://…; else as the settings say."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Judge the labels of logged decisions before a model learns from them, and name those to keep out.

    Of a table it also says which rows the model itself decided, and nobody else vouches for.

    Example: holdfast data feedback credit --out quarantine.csv
    """
    from holdfast import canonical
    from holdfast.wiring.watching import judge_feedback

    found = judge_feedback(home.expanduser(), run, system=system, segments=segments, table=table)
    kept_back = list(found.quarantined())
    if out is not None:
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [found.of, "source", "why", "chance"])
            writer.writeheader()
            writer.writerows(kept_back)
    if as_json:
        print_json({**canonical.plain(found.said), "outcome": found.said.outcome.value, "quarantine": kept_back})
    else:
        typer.echo(f"{found.said.outcome.value}: {len(kept_back):,} of {len(found.rows):,} labelled rows kept back")
        for sentence in found.said.reasons:
            typer.echo(sentence)
    return EXITS[found.said.outcome]
