"""`holdfast decision label`: what decisions turned out to be, one by one or from a table."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.decision import HOME_OPTION, PLANE_OPTION
from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION, connected

if TYPE_CHECKING:
    from holdfast.domain.decision import Label
    from holdfast.domain.schema import Scalar

COLUMNS = ("decision", "outcome", "observed_at")
AT_ONCE = 5_000


@command
def label(
    what: str = typer.Argument(help="A decision's id, or a CSV or Parquet file: decision, outcome, observed_at."),
    outcome: str = typer.Argument("", help="What it turned out to be; a file says so itself."),
    system: str = typer.Option(..., help="The system that decided."),
    source: str = typer.Option(..., help="Who says so, such as collections-2026-11."),
    observed_at: str = typer.Option("", help="When it was observed, with its zone; now if left out."),
    home: Path = HOME_OPTION,
    url: str = PLANE_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say what decisions turned out to be, however late. The same again changes nothing; a different one corrects.

    Example: holdfast decision label defaults.csv --system credit --source collections-2026-11 --url https://hf.example
    """
    labels = _labels(what, outcome, system, source, observed_at)
    taken = _send(labels, url, token) if url else _keep(labels, home.expanduser())
    if as_json:
        print_json({"taken": taken})
    else:
        typer.echo(f"Took in {taken} labels.")
    return Exit.PASS


def _labels(what: str, outcome: str, system: str, source: str, observed_at: str) -> Iterator[Label]:
    from holdfast.domain.decision import Label
    from holdfast.domain.errors import FixInput
    from holdfast.domain.ids import time_of
    from holdfast.domain.verdict import timestamp
    from holdfast.wiring import now

    at = observed_at or timestamp(now())
    if Path(what).is_file():
        for decision, said, seen in _rows(Path(what)):
            yield Label(system, decision, said, seen or at, source)
        return
    time_of(what)
    if not outcome:
        raise FixInput("label.outcome", "Nothing says what it turned out to be.", "Give the outcome after the id.")
    yield Label(system, what, _scalar(outcome), at, source)


def _rows(path: Path) -> Iterator[tuple[str, Scalar, str]]:
    """The rows of a table that have an outcome: decision, outcome and when it was observed (empty for not stated)."""
    import pandas as pd

    from holdfast.domain.errors import FixInput

    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise FixInput("label.file", f"{path} cannot be read as a table: {error}.", "Give CSV or Parquet.") from error
    table = table.convert_dtypes()  # else one outcome that is missing makes floats of all the others
    if not {"decision", "outcome"} <= set(table.columns):
        raise FixInput("label.file", f"{path} lacks a column.", f"It needs {', '.join(COLUMNS)}; the last can miss.")
    seen = table["observed_at"] if "observed_at" in table else [None] * len(table)
    for decision, said, moment in zip(table["decision"], table["outcome"], seen, strict=True):
        if not pd.isna(said):
            yield str(decision), _plain(said), "" if pd.isna(moment) else _moment(moment)


def _plain(value: Any) -> Scalar:
    found: Scalar = value.item() if hasattr(value, "item") else value
    return found


def _moment(value: Any) -> str:
    return str(value.isoformat() if hasattr(value, "isoformat") else value)


def _scalar(text: str) -> Scalar:
    """The word as a table would have it: a number, true or false, else text."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _send(labels: Iterator[Label], url: str, token: str) -> int:
    taken = 0
    with connected(url, token) as client:
        while some := tuple(islice(labels, AT_ONCE)):
            taken += client.label_decisions(some).taken
    return taken


def _keep(labels: Iterator[Label], home: Path) -> int:
    """In the log of this machine, whose ledger registers them."""
    from holdfast import wiring

    taken = 0
    with wiring.open_archive(home) as archive:
        name = wiring.name_of_process("label")
        with wiring.open_decision_log(archive, archive.registrar, name) as log:
            while some := tuple(islice(labels, AT_ONCE)):
                log.append_labels(some)
                taken += len(some)
    return taken
