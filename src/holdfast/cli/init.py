"""`holdfast init`: a first manifest from a model and a table, or from the address of a chat."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.domain.errors import FixInput


@command
def init(
    model: str = typer.Argument("", help="The model: a file, python:module.function, or an http(s) URL."),
    table: Path | None = typer.Argument(None, help="Held-out data with the outcome column: CSV, Parquet or Arrow."),
    train: Path | None = typer.Option(None, help="The training data, if you have it."),
    target: str | None = typer.Option(None, help="The outcome column; guessed if not given."),
    name: str | None = typer.Option(None, help="The system's name; the model's file name if not given."),
    chat: str = typer.Option("", help="The address of a model of language, in place of a model and a table."),
    chat_model: str = typer.Option("", help="What the chat's provider calls the model."),
    key: str = typer.Option("", help="The environment variable that holds the chat's API key."),
    prompt: Path | None = typer.Option(None, help="The chat's system prompt, a text file."),
    tools: Path | None = typer.Option(None, help="The schemas of tools that the chat may call, JSON or YAML."),
    into: Path = typer.Option(Path(), help="The folder to write holdfast.yaml to."),
    force: bool = typer.Option(False, "--force", help="Overwrite a manifest that is there."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Write holdfast.yaml from a model and a table, or from a chat's address, and say what was guessed.

    Example: holdfast init model.joblib applicants.csv --target approved
    """
    from holdfast.flows.init import Draft, Given, draft_manifest
    from holdfast.flows.init_chat import GivenChat, draft_chat_manifest
    from holdfast.manifest import FILENAME
    from holdfast.storage.cache import write_atomically

    place = into / FILENAME
    if place.exists() and not force:
        raise FixInput("init.exists", f"There is a {place} already.", "Add --force to write it anew.")
    if chat:
        held, called = (None if file is None else _from(into, file) for file in (prompt, tools))
        draft: Draft = draft_chat_manifest(GivenChat(chat, chat_model, key, held, called, name), into.resolve())
    elif not model or table is None:
        raise FixInput("init.nothing", "There is no model and table, and no chat.", "Give MODEL TABLE, or --chat URL.")
    else:
        given = Given(
            model=model if _is_remote(model) else _from(into, Path(model)),
            test=_from(into, table),
            train=_from(into, train) if train else None,
            target=target,
            name=name,
        )
        draft = draft_manifest(given, into.resolve())
    write_atomically(place, draft.text.encode())
    if as_json:
        print_json({"manifest": str(place), "guesses": list(draft.guesses)})
    else:
        typer.echo("\n".join(f"- {guess}" for guess in draft.guesses))
        typer.echo(f"Wrote {place}. Read it, mend what is wrong, then run: holdfast check {into}")
    return Exit.PASS


def _is_remote(model: str) -> bool:
    return model.startswith(("python:", "http://", "https://"))


def _from(folder: Path, path: Path) -> str:
    """The path as it stands in a manifest in `folder`."""
    return os.path.relpath(path, folder)
