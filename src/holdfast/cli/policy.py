"""`holdfast policy`: what a policy would do, before it does it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json

if TYPE_CHECKING:
    from holdfast.flows.rehearse import Rehearsed

app = typer.Typer(help="Rehearse policies on tools, pin tools, and run a server of them.", no_args_is_help=True)
SETTINGS = {"allow_interspersed_args": False}


@app.command("test")
@command
def rehearse(
    policy: Path = typer.Argument(help="The policy, with a section `tools`."),
    recordings: list[Path] = typer.Argument(help="Conversations with tools, as JSON lines."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say of each call of a tool in recorded conversations what the policy would do.

    Exit code 0: all is as the recordings expect. 1: something is not. 3: they expect nothing.

    Example: holdfast policy test policy.yaml conversations.jsonl
    """
    from holdfast.flows import rehearse as flow
    from holdfast.policy import read_policy

    done = flow.rehearse(read_policy(policy), recordings)
    failed, expected = [one for one in done if one.fails], [one for one in done if one.expected]
    if as_json:
        steps = [asdict(one) | {"fails": one.fails} for one in done]
        print_json({"policy": policy.name, "steps": steps, "expected": len(expected), "failed": len(failed)})
    else:
        for one in done:
            typer.echo(_line(one))
        typer.echo(f"{len(done)} steps, {len(expected)} expectations, {len(failed)} failed.")
    return Exit.BREACH if failed else Exit.PASS if expected else Exit.INCONCLUSIVE


@app.command("pin")
@command
def pin(
    tools: Path = typer.Argument(help="Tools as a program declares them: a JSON list, or an object with `tools`."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Print the digest of what each tool says of itself, to be pinned in a policy.

    Example: holdfast policy pin tools.json
    """
    from holdfast.flows.rehearse import digests_in

    digests = digests_in(tools)
    if as_json:
        print_json({"tools": digests})
    else:
        for name, digest in digests.items():
            typer.echo(f'{name}: {{pinned: "{digest}"}}')
    return Exit.PASS


@app.command("run", context_settings=SETTINGS)
@command
def run(
    policy: Path = typer.Argument(help="The policy, with a section `tools`."),
    server: list[str] = typer.Argument(metavar="[--] COMMAND...", help="The MCP server, with its own options."),
    system: str = typer.Option("tools", help="What the log calls it."),
    task: str = typer.Option("", help="The task that its conversation is for, one of the policy's."),
    home: Path = typer.Option(Path("~/.holdfast"), envvar="HOLDFAST_HOME", help="Where the decision log lies."),
    as_json: bool = JSON_OPTION,  # noqa: ARG001 - what it prints is MCP
) -> Exit:
    """Run an MCP server of this machine under a policy: name this command to the client in the server's place.

    Calls are judged and logged as they are behind a gateway; nobody can be asked to approve one.

    Example: holdfast policy run policy.yaml -- uvx mcp-server-git
    """
    import asyncio
    import sys

    from holdfast import wiring
    from holdfast.domain.errors import Unavailable

    try:
        from holdfast.gateway.tools.stdio import proxy
    except ModuleNotFoundError as error:
        what = f"The package {error.name} is not installed."
        raise Unavailable("gateway.extra", what, "pip install 'holdfast[gateway]'") from error

    with wiring.open_guarded_tools(home.expanduser(), policy, system) as guarded:

        def write(line: bytes) -> None:
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

        asyncio.run(proxy(guarded, system, server[server[0] == "--" :], task=task, write=write))
    return Exit.PASS


def _line(one: Rehearsed) -> str:
    where = f"{one.conversation} step {one.step}" if one.step else f"{one.conversation} declares"
    why = f": {'; '.join(one.because)}" if one.because else ""
    wanted = f"  FAILS, {one.expected} was expected" if one.fails else ""
    return f"{where}: {one.tool} {one.outcome}{why}{wanted}"
