"""`holdfast data`: the gate through which data comes in."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli import data_feedback, data_submit
from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION, URL_OPTION, connected

if TYPE_CHECKING:
    from holdfast.domain.dataset import Admission

app = typer.Typer(help="Let data in, or set it aside.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """Let data in, or set it aside."""


@app.command("admit")
@command
def admit(
    table: Path = typer.Argument(help="The table: CSV, Parquet or Arrow."),
    name: str = typer.Option(..., "--as", help="The data set's name."),
    contract: Path = typer.Option(..., help="The data contract, in YAML."),
    where: str = typer.Option(..., "--from", help="From whom or where it comes."),
    licence: str = typer.Option(..., help="On what terms it may be used."),
    baseline: Path | None = typer.Option(None, help="A table that passed this gate, to compare with."),
    kept: Path | None = typer.Option(None, help="Write the rows that are left to this CSV file."),
    actor: str = typer.Option("", "--by", help="Who attests the source; your user name if not given."),
    submit: str = typer.Option("", metavar="VERSION", help="Register it with the control plane, as this version."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Hold a table to its contract, scan it, compare it with a trusted baseline, and seal the answer.

    Exit code 0: it comes in. 1: it does not; rows that fail are written to the quarantine. 3: nobody can tell yet.

    Example: holdfast data admit new.csv --as applicants --contract contract.yaml --from "CRM export" --licence internal
    """
    from holdfast import canonical
    from holdfast.contracts import read_contract
    from holdfast.domain.verdict import Outcome
    from holdfast.flows import admit_data
    from holdfast.flows.lineage import trusted_tables
    from holdfast.storage.cache import write_atomically
    from holdfast.wiring import now, open_records

    records, home = open_records(Path.cwd())
    offer = admit_data.Offer(
        table=table,
        name=name,
        contract=read_contract(contract),
        where=where,
        licence=licence,
        actor=actor or getpass.getuser(),
        baseline=baseline,
        trusted=trusted_tables(records),
    )
    answer = admit_data.admit(offer, now)
    sealed = records.add(answer.admission, answer.admission.judged_at)
    quarantine = home / "quarantine" / f"{answer.admission.digest.removeprefix('sha256:')[:16]}.csv"
    if len(answer.quarantined):
        write_atomically(quarantine, answer.quarantined.to_csv(index=True, index_label="row").encode())
    if kept is not None:
        write_atomically(kept, answer.kept.to_csv(index=False).encode())
    if as_json:
        print_json({"sealed": str(sealed), **canonical.plain(answer.admission)})
    else:
        typer.echo(_said(answer.admission, sealed, quarantine))
    if submit:
        with connected(url, token) as client:
            registered = data_submit.submit_sealed(client, sealed, submit)
        typer.echo(f"Registered as {registered.key} at {url}", err=True)
    exits = {Outcome.PASS: Exit.PASS, Outcome.BREACH: Exit.BREACH, Outcome.INCONCLUSIVE: Exit.INCONCLUSIVE}
    return exits[answer.admission.outcome]


def _said(admission: Admission, sealed: Path, quarantine: Path) -> str:
    lines = [f"{admission.name}: {admission.outcome.upper()} ({admission.rows:,} rows, {admission.digest[:19]})"]
    for objection in admission.objections:
        column = f" {objection.column}:" if objection.column else ""
        lines.append(f"  {objection.outcome:12} {objection.check}:{column} {objection.sentence}")
    lines += [f"  {admission.quarantined:,} rows set aside in {quarantine}"] if admission.quarantined else []
    return "\n".join([*lines, f"Sealed in {sealed}"])


@app.command("attest")
@command
def attest(
    file: Path = typer.Argument(help="A file that no recorded step made: pictures, texts, a pretrained model."),
    where: str = typer.Option(..., "--from", help="From whom or where it comes."),
    licence: str = typer.Option(..., help="On what terms it may be used."),
    name: str = typer.Option("", "--as", help="Its name; the file's if not given."),
    actor: str = typer.Option("", "--by", help="Who attests it; your user name if not given."),
    submit: bool = typer.Option(False, "--submit", help="File it with the control plane, too."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Give your word on where a file comes from, so that lineage can end there. Tables go through `data admit`.

    Example: holdfast data attest base-model.onnx --from https://models.example --licence Apache-2.0
    """
    from holdfast import canonical
    from holdfast.flows import admit_data
    from holdfast.wiring import now, open_records

    records, _home = open_records(Path.cwd())
    source = admit_data.attest(
        file, name=name, where=where, licence=licence, actor=actor or getpass.getuser(), clock=now
    )
    sealed = records.add(source, source.attested_at)
    if as_json:
        print_json({"sealed": str(sealed), **canonical.plain(source)})
    else:
        typer.echo(f"{source.name} ({source.digest[:19]}) comes from {source.where}. Sealed in {sealed}")
    if submit:
        with connected(url, token) as client:
            kept = data_submit.submit_sealed(client, sealed)
        typer.echo(f"Filed as {kept.key} at {url}", err=True)
    return Exit.PASS


app.command("submit")(data_submit.submit)
app.command("feedback")(data_feedback.feedback)
app.command("list")(data_submit.list_datasets)
