"""`holdfast people` and `holdfast token`: who is here, and the tokens by which their programs act."""

from __future__ import annotations

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command
from holdfast.cli.remote import (
    LIMIT_OPTION,
    TOKEN_OPTION,
    URL_OPTION,
    connected,
    in_days,
    one_of,
    show_page,
    show_record,
)

app = typer.Typer(help="People and their roles.", no_args_is_help=True, rich_markup_mode=None)
tokens = typer.Typer(help="Your API tokens.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
@command
def list_people(
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List who is here, with which roles.

    Example: holdfast people list
    """
    with connected(url, token) as client:
        page = client.list_people(limit=limit)
    columns = {
        "person": lambda known: known.person.key,
        "name": lambda known: known.profile.name if known.profile else "",
        "e-mail": lambda known: known.profile.email if known.profile else "",
        "roles": lambda known: ", ".join(known.person.record.roles),
        "active": lambda known: "yes" if known.person.record.is_active else "no",
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("invite")
@command
def invite(
    email: str = typer.Argument(help="The person's e-mail address."),
    name: str = typer.Option(..., help="The person's name."),
    role: list[str] = typer.Option([], help="viewer, owner, developer, auditor, admin, approver:legal, …; repeat."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Propose a person, and print their one-time link. It works once another admin has enacted the proposal.

    Example: holdfast people invite eve@example.org --name Eve --role approver:legal
    """
    from holdfast.domain.person import Role

    roles = tuple(one_of(Role, text) for text in role)
    with connected(url, token) as client:
        show_record(client.invite_person(name, email, roles), as_json=as_json)
    return Exit.PASS


@app.command("link")
@command
def link(
    id: str = typer.Argument(help="The person's pseudonym, from `holdfast people list`."),
    reason: str = typer.Option(..., help="Why, in a sentence; the one who enacts it relies on it."),
    forget_factor: bool = typer.Option(False, help="Their second factor goes with the old password."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Print a new one-time link for somebody who never came, or who lost their password.

    For somebody who may have signed in already it works once another admin has enacted the proposal.

    Example: holdfast people link p-4f1c... --reason "lost the phone" --forget-factor
    """
    with connected(url, token) as client:
        show_record(client.renew_link(id, reason=reason, forgets_factor=forget_factor), as_json=as_json)
    return Exit.PASS


@tokens.command("issue")
@command
def issue(
    name: str = typer.Argument(help="What it is for."),
    allow: list[str] = typer.Option(["read"], help="What it may do, such as releases.register; repeat for more."),
    days: int = typer.Option(90, min=1, max=366, help="How long it lasts."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Issue a token for your programs, with no more than you may do yourself. Its secret is printed once.

    Example: holdfast token issue ci --allow read --allow releases.register --days 90
    """
    from holdfast.domain.access import Permission

    permissions = tuple(one_of(Permission, text) for text in allow)
    with connected(url, token) as client:
        show_record(client.issue_token(name, permissions, until=in_days(days)), as_json=as_json)
    return Exit.PASS


@tokens.command("list")
@command
def list_tokens(
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List your tokens, without their secrets.

    Example: holdfast token list
    """
    with connected(url, token) as client:
        page = client.list_tokens(limit=limit)
    columns = {
        "token": lambda kept: kept.key,
        "name": lambda kept: kept.record.name,
        "may": lambda kept: ", ".join(kept.record.permissions),
        "until": lambda kept: kept.record.expires_at,
        "state": lambda kept: "revoked" if kept.record.is_revoked else "live",
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@tokens.command("revoke")
@command
def revoke(
    id: str = typer.Argument(help="The token's id, from `holdfast token list`."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """End a token: your own, or as an admin anybody's.

    Example: holdfast token revoke t-4f1c...
    """
    with connected(url, token) as client:
        show_record(client.revoke_token(id), as_json=as_json)
    return Exit.PASS
