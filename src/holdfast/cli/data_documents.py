"""`holdfast data documents`: the gate through which documents enter an index."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import EXITS, JSON_OPTION, Exit, command, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


@command
def documents(
    path: Path = typer.Argument(help='JSON lines with a "text", or a folder of texts (txt, md, rst, html).'),
    name: str = typer.Option(..., "--as", help="The index's name."),
    where: str = typer.Option(..., "--from", help="From whom or where they come."),
    licence: str = typer.Option(..., help="On what terms they may be used."),
    kept: Path | None = typer.Option(None, help="Write what may enter to this file, with its provenance."),
    copies: int = typer.Option(3, min=1, help="How many may say nearly the same."),
    actor: str = typer.Option("", "--by", help="Who attests the source; your user name if not given."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Scan documents before a model finds them: orders to it, secrets, hidden text, copies that crowd others out.

    Exit code 0: all may enter. 1: some are set aside, in the quarantine, each with the reason.

    Example: holdfast data documents handbook.jsonl --as handbook --from "HR wiki" --licence internal --kept index.jsonl
    """
    from holdfast import canonical
    from holdfast.flows import admit_documents
    from holdfast.storage.cache import write_atomically
    from holdfast.wiring import now, open_records

    records, home = open_records(Path.cwd())
    limits = admit_documents.Limits(copies=copies)
    offer = admit_documents.Offer(path, name, where, licence, actor or getpass.getuser(), limits)
    answer = admit_documents.admit(offer, now)
    admission = answer.admission
    sealed = records.add(admission, admission.judged_at)
    quarantine = home / "quarantine" / f"{admission.digest.removeprefix('sha256:')[:16]}.jsonl"
    if answer.held:
        write_atomically(quarantine, _lines(answer.held))
    if kept is not None:
        write_atomically(kept, _lines(answer.kept))
    if as_json:
        print_json({"sealed": str(sealed), **canonical.plain(admission)})
    else:
        lines = [f"{admission.name}: {admission.outcome.upper()} ({admission.rows:,} documents)"]
        lines += [f"  {one.check}: {one.rows:,} documents. {one.sentence}" for one in admission.objections]
        lines += [f"  {admission.quarantined:,} set aside in {quarantine}"] if answer.held else []
        typer.echo("\n".join([*lines, f"Sealed in {sealed}"]))
    return EXITS[admission.outcome]


def _lines(told: Iterable[Mapping[str, Any]]) -> bytes:
    import orjson

    return b"".join(orjson.dumps(one) + b"\n" for one in told)
