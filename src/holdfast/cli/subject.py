"""`holdfast subject`: what is kept about one person, and its erasure."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from holdfast.cli.decision import HOME_OPTION, as_document
from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json

app = typer.Typer(help="People whom decisions are about.", no_args_is_help=True, rich_markup_mode=None)
WHO = typer.Argument(help="The identifier by which the system knows the person, as it was when decisions were made.")


@app.callback()
def _root() -> None:
    """People whom decisions are about."""


@app.command("export")
@command
def export(
    who: str = WHO,
    out: Path | None = typer.Option(None, help="Write the copy to this file; else to standard output."),
    home: Path = HOME_OPTION,
) -> Exit:
    """Write all that is kept about a person as JSON, personal fields opened (GDPR Article 15).

    Example: holdfast subject export customer-4711 --out copy.json
    """
    import json

    from holdfast import wiring
    from holdfast.flows.subjects import export_subject

    with wiring.open_archive(home.expanduser()) as archive:
        copy = export_subject(archive.reader, archive.subjects, who)
    document = {"subject": copy.subject, "decisions": [as_document(decision) for decision in copy.decisions]}
    if out is None:
        print_json(document)
    else:
        out.write_text(json.dumps(document, indent=2, ensure_ascii=False), encoding="utf-8")
        typer.echo(f"{len(copy.decisions)} decisions about {who} are in {out}.")
    return Exit.PASS


@app.command("erase")
@command
def erase(
    who: str = WHO,
    yes: bool = typer.Option(False, "--yes", help="Do not ask first."),
    home: Path = HOME_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Destroy a person's key, so that personal fields of all their decisions can never be read again (GDPR Article 17).

    Decisions, their other fields and every proof stay. Backups of the key store from before still open the fields.
    Where gateways run from this home, they have the control plane forget what waits there for a person.

    Example: holdfast subject erase customer-4711 --yes
    """
    from holdfast import canonical, wiring
    from holdfast.flows.subjects import erase_subject

    if sys.stdin.isatty() and not yes and not typer.confirm(f"Erase {who} for good?"):
        return Exit.ERROR
    with wiring.open_archive(home.expanduser()) as archive:
        done = erase_subject(archive.subjects, who, wiring.now, archive.held)
    if as_json:
        print_json(canonical.plain(done))
    elif done.had_key:
        typer.echo(f"The key of {who} is destroyed. Their personal fields cannot be read again.")
    else:
        typer.echo(f"There is no key of {who}: nothing personal was ever sealed, or it was erased before.")
    return Exit.PASS
