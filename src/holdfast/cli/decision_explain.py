"""`holdfast decision explain`: why a logged decision was made, and the letter that says so."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.decision import HOME_OPTION, SEGMENTS_OPTION, SYSTEM_OPTION
from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json

if TYPE_CHECKING:
    from holdfast.domain.decision import Decision
    from holdfast.domain.policy import Disclosure
    from holdfast.explanations.account import Account
    from holdfast.explanations.letter import Letter
    from holdfast.explanations.wording import Wording
    from holdfast.flows.account_for import Terms


@command
def explain(
    id: str = typer.Argument(help="The decision's id, or `latest`."),
    release: Path = typer.Option(Path(), help="The manifest of the release that decided, or its folder."),
    reasons: Path | None = typer.Option(None, help="What each feature means to the person, as YAML."),
    letter: Path | None = typer.Option(None, help="Write the letter to the person, with these terms (YAML)."),
    law: str = typer.Option("gdpr", help="What the letter has to say: gdpr, reg_b or ai_act."),
    policy: Path | None = typer.Option(None, help="The policy that was in force; without it no score is told."),
    html: Path | None = typer.Option(
        None, help="Also write a page to this file: the letter, or without one the account."
    ),
    because: str = typer.Option("", help="Why personal fields are read, where the model used some; goes on record."),
    home: Path = HOME_OPTION,
    segments: str = SEGMENTS_OPTION,
    system: str = SYSTEM_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Explain a decision by the release that made it: reasons, what would have changed it, a letter to the person.

    The release's files must be those that decided: their digest is in the decision. Exit code 1: a principal reason is
    an attribute that the law protects.

    Example: holdfast decision explain latest --home .holdfast --release .
    """
    from holdfast import canonical, wiring
    from holdfast.explanations.letter import read_regime, read_terms, write_letter
    from holdfast.explanations.wording import read_wording
    from holdfast.flows.account_for import Terms

    wording = read_wording(reasons)
    terms, regime = (read_terms(letter), read_regime(law)) if letter else (None, None)
    decision, account = _made(id, release, Terms(wording), home.expanduser(), segments, system=system, because=because)
    written = None
    if terms is not None and regime is not None:
        day = wiring.now()
        written = write_letter(
            account, regime, terms, wording, _disclosure(decision, policy), day=f"{day.day} {day:%B %Y}"
        )
    if as_json:
        print_json({**canonical.plain(account), "letter": canonical.plain(written)})
    else:
        _show(account, written, wording, html)
    return Exit.BREACH if account.reasons.has_protected else Exit.PASS


def _made(
    id: str, release: Path, terms: Terms, home: Path, segments: str, *, system: str, because: str
) -> tuple[Decision, Account]:
    """The decision and its account."""
    from holdfast import wiring
    from holdfast.flows.account_for import account_for, open_sealed

    given = wiring.open_project(release).request.release
    reader = wiring.decision_files(home, segments).reader
    decision = reader.latest(system=system) if id == "latest" else reader.find(id, system=system)

    def opened() -> Decision:
        with wiring.open_archive(home, segments) as archive:
            person = pwd.getpwuid(os.getuid()).pw_name
            keys, ledger = archive.subjects, archive.ledger
            return open_sealed(decision, keys, ledger, wiring.now, person=person, because=because)

    return decision, account_for(decision, given, terms, opened=opened if because.strip() else None)


def _disclosure(decision: Decision, policy: Path | None) -> Disclosure:
    """What the policy in force let a caller see; the least where that is not the policy given."""
    from holdfast import canonical
    from holdfast.domain.policy import Disclosure
    from holdfast.policy import read_policy

    known = read_policy(policy) if policy else None
    if known is None or canonical.digest(known) != decision.policy:
        return Disclosure(decision_only=True)
    return known.disclosure


def _show(account: Account, letter: Letter | None, wording: Wording, html: Path | None) -> None:
    if letter is None:
        _show_account(account, wording, html)
        return
    from holdfast.reports.letter import to_html, to_text

    typer.echo(to_text(letter), nl=False)
    for problem in account.reasons.problems:
        typer.echo(f"! {problem}", err=True)
    if html is not None:
        html.write_bytes(to_html(letter))
        typer.echo(f"{html}: the same as a page.", err=True)


def _show_account(account: Account, wording: Wording, html: Path | None) -> None:
    from rich.console import Console

    from holdfast.reports import account_html, account_terminal

    Console().print(account_terminal.render(account, wording))
    if html is not None:
        html.write_bytes(account_html.render(account, wording))
        typer.echo(f"{html}: the same as a page.", err=True)
