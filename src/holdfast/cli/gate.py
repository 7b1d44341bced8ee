"""`holdfast gate`, `approve` and `refuse`: ask to pass a checkpoint, see what it says, and answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.entrance import EXITS, JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, one_of, show_page, show_record

if TYPE_CHECKING:
    from holdfast.domain.view import Asked

app = typer.Typer(help="Gates: ask to pass, and see what keeps one shut.", no_args_is_help=True, rich_markup_mode=None)
REASON = typer.Option(..., help="Why, in a sentence; others will rely on it.")
DISCIPLINE = typer.Option(..., "--as", help="The discipline: it, risk, legal, compliance or business.")
WAIVER = typer.Option("", help="Answer this waiver of the request instead of the request itself.")


@app.command("ask")
@command
def ask(
    gate: str = typer.Argument(help="procurement, vendor, data, training, deployment or change."),
    system: str = typer.Argument(help="The system's name."),
    reason: str = REASON,
    release: str = typer.Option("", help="The release's digest, for deployment and change."),
    environment: str = typer.Option("", help="Where it is to run, for deployment and change."),
    data: list[str] = typer.Option([], help="A data set's digest, or its file, for data and training; repeat."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Ask to pass a gate, and show what it says; the exit code is its answer.

    Example: holdfast gate ask deployment credit --release sha256:0f3c... --environment production --reason "New data"
    """
    from holdfast.domain.gate import Gate

    with connected(url, token) as client:
        said: dict[str, Any] = {"release": release, "environment": environment, "datasets": _digests(data)}
        kept = client.ask_gate(one_of(Gate, gate), system, reason=reason, **said)
        asked = client.show_request(kept.key)
    return _show(asked, as_json)


def _digests(named: list[str]) -> tuple[str, ...]:
    """Digests as they are, and those of files."""
    from holdfast.datasets.read import digest_file

    return tuple(digest_file(Path(name)) if Path(name).is_file() else name for name in named)


@app.command("list")
@command
def list_requests(
    system: str = typer.Option("", help="Only requests for this system."),
    state: str = typer.Option("open", help="open or withdrawn."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List requests, the newest first.

    Example: holdfast gate list --system credit
    """
    with connected(url, token) as client:
        page = client.list_requests(system=system, state=state, limit=limit)
    columns = {
        "request": lambda kept: kept.key,
        "gate": lambda kept: kept.record.gate,
        "system": lambda kept: kept.record.system,
        "environment": lambda kept: kept.record.environment,
        "at": lambda kept: kept.record.at,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("show")
@command
def show(
    request: str = typer.Argument(help="The request's key."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Show what a gate says to a request now; the exit code is its answer.

    Example: holdfast gate show 4f1c...
    """
    with connected(url, token) as client:
        return _show(client.show_request(request), as_json)


@app.command("check")
@command
def check(
    digest: str = typer.Argument(help="The digest of a release, or of its model."),
    environment: str = typer.Option(..., help="Where it is to run."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Ask whether a digest may run in an environment now. Exit code 0: it may. 1: breach. 3: not known, or not decided.

    Example: holdfast gate check sha256:0f3c... --environment production
    """
    with connected(url, token) as client:
        admission = client.show_admission(digest, environment)
    show_record(admission, as_json=as_json)
    return EXITS[admission.outcome]


@command
def approve(
    request: str = typer.Argument(help="The request's key."),
    discipline: str = DISCIPLINE,
    reason: str = REASON,
    waiver: str = WAIVER,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Approve a request in a discipline, bound to the digests that are current now.

    Example: holdfast approve 4f1c... --as legal --reason "Notices are in place"
    """
    return _answer(request, discipline, reason, waiver, url, token, as_json, yes=True)


@command
def refuse(
    request: str = typer.Argument(help="The request's key."),
    discipline: str = DISCIPLINE,
    reason: str = REASON,
    waiver: str = WAIVER,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Record dissent on a request. It is kept, and never counts as an approval.

    Example: holdfast refuse 4f1c... --as risk --reason "The sample is too small"
    """
    return _answer(request, discipline, reason, waiver, url, token, as_json, yes=False)


def _answer(
    request: str, discipline: str, reason: str, waiver: str, url: str, token: str, as_json: bool, *, yes: bool
) -> Exit:
    from holdfast.domain.approval import Discipline

    role = one_of(Discipline, discipline)
    with connected(url, token) as client:
        if waiver:
            kept = client.answer_waiver(request, waiver, role, reason=reason, yes=yes)
        else:
            kept = client.answer_request(request, role, reason=reason, yes=yes)
    show_record(kept, as_json=as_json)
    return Exit.PASS


def _show(asked: Asked, as_json: bool) -> Exit:
    """The gate's answer with its reasons, worst first."""
    ruling = asked.ruling
    if as_json:
        from holdfast import canonical

        print_json(canonical.plain(asked))
    else:
        typer.echo(f"request: {asked.request.key}\n{ruling.gate}: {ruling.outcome}")
        for reason in ruling.reasons:
            typer.echo(f"  {reason.outcome}: {reason.sentence}")
    return EXITS[ruling.outcome]
