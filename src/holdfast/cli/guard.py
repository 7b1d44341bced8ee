"""`holdfast guard`: what the guards on text say of what stands on standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import Exit, command

if TYPE_CHECKING:
    from holdfast.domain.guard import Guarded

MOST_BYTES, MOST_LINE_BYTES = 16_000_004, 64_000_000
"""More than any text that is read takes, plain and in JSON: what is longer is refused, and not held in memory first."""


@command
def guard(
    only: list[str] = typer.Option([], help="injection, pii or secrets; repeat. All, where it is left out."),
    role: str = typer.Option("user", help="Who speaks: user, system, assistant, tool or document."),
    policy: Path | None = typer.Option(None, help="A policy whose guards on text run in place of these."),
    as_json: bool = typer.Option(False, "--json", help='Read {"text": ...} a line, and answer with one object a line.'),
) -> Exit:
    """Say of text on standard input whether it attacks a model, or gives away personal data or secrets.

    Exit code 0: all of it may pass as it is. 1: some of it may not.

    Example: holdfast guard --only pii < letter.txt
    """
    from holdfast.flows.guard_text import TextGuards, read_lines

    guards = TextGuards(only, policy)
    if not as_json:
        said = sys.stdin.buffer.read(MOST_BYTES).decode("utf-8", "replace")
        found = guards.read(said, role)
        _show(found, said)
        return _exit(found)
    code = Exit.PASS
    for _number, line in read_lines(iter(lambda: sys.stdin.buffer.readline(MOST_LINE_BYTES), b"")):
        found = guards.read(line["text"], str(line.get("role") or role))
        _tell(found)
        code = max(code, _exit(found))
    return code


def _exit(found: Guarded) -> Exit:
    return Exit.PASS if found.passes else Exit.BREACH


def _tell(found: Guarded) -> None:
    """One object a line, as soon as it is known: whoever writes the lines may wait for it."""
    import orjson

    from holdfast import canonical

    sys.stdout.buffer.write(orjson.dumps(canonical.plain(found)) + b"\n")
    sys.stdout.buffer.flush()


def _show(found: Guarded, said: str) -> None:
    from rich.console import Console

    from holdfast.reports.guard_terminal import render_guarded

    Console().print(render_guarded(found, said))
