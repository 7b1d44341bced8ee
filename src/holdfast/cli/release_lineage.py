"""`holdfast release lineage`: where a release comes from, as the control plane knows it."""

from __future__ import annotations

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.record import lines_of
from holdfast.cli.remote import TOKEN_OPTION, URL_OPTION, connected


@command
def lineage(
    digest: str = typer.Argument(help="The release's digest."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Show where a release comes from. Exit code 0: every way back ends at attested data. 1: a link is broken.

    Example: holdfast release lineage sha256:0f3c...
    """
    from holdfast import canonical

    with connected(url, token) as client:
        traced = client.show_lineage(digest)
    if as_json:
        print_json(canonical.plain(traced))
    else:
        typer.echo("\n".join(lines_of(traced.lineage)))
    return Exit.PASS if traced.is_complete else Exit.BREACH
