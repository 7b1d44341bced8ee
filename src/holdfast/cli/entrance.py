"""What every command shares: exit codes, one JSON document, errors translated once."""

from __future__ import annotations

import functools
import json
import os
import sys
import traceback
from collections.abc import Callable
from enum import IntEnum
from typing import Any, ParamSpec

import typer

from holdfast.domain.errors import HoldfastError
from holdfast.domain.verdict import Outcome

P = ParamSpec("P")


class Exit(IntEnum):
    """Exit codes of every command. 130 is the shell's own for an interrupt."""

    PASS = 0
    BREACH = 1
    ERROR = 2
    INCONCLUSIVE = 3
    INTERRUPTED = 130


EXITS = {Outcome.PASS: Exit.PASS, Outcome.BREACH: Exit.BREACH, Outcome.INCONCLUSIVE: Exit.INCONCLUSIVE}


def command(function: Callable[P, int]) -> Callable[P, None]:
    """Turn a function that returns an exit code into a command that ends with it, whatever happens.

    The code is an `Exit`, unless the command runs another program and ends as that did.
    """

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        as_json = bool(kwargs.get("as_json"))
        try:
            code = function(*args, **kwargs)
        except HoldfastError as error:
            code = _failed(error.code, error.message, error.hint, as_json)
        except KeyboardInterrupt:
            hint = "Finished probes are kept; the same command goes on from there."
            _failed("interrupted", "Stopped.", hint, as_json)
            code = Exit.INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = Exit.ERROR
        except Exception as error:  # the last resort: a defect must never leave with a breach's or a pass's code
            traceback.print_exc()
            code = _failed("internal", f"{type(error).__name__}: {error}", "This is a defect; report it.", as_json)
        raise typer.Exit(code)

    return run


def _failed(code: str, message: str, hint: str, as_json: bool) -> Exit:
    if as_json:
        print_json({"error": {"code": code, "message": message, "hint": hint}})
    else:
        print(f"error: {message}", *([f"       {hint}"] if hint else []), sep="\n", file=sys.stderr)  # noqa: T201
    return Exit.ERROR


def print_json(document: Any) -> None:
    """The one document of ``--json``."""
    print(json.dumps(document, indent=2, ensure_ascii=False))  # noqa: T201


JSON_OPTION = typer.Option(False, "--json", help="Print one JSON document on standard output and nothing else.")
