"""`holdfast verify`: check a sealed file, a run, a ledger, an export or a running platform, trusting one key alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import TOKEN_OPTION

if TYPE_CHECKING:
    from holdfast.ledger.note import Key

UNPINNED = (
    "The key was read beside the evidence: this shows that nothing changed, not who sealed it. Pin it with --key."
)


@command
def verify(
    path: str = typer.Argument(
        metavar="WHAT",
        help="The folder of a run, a ledger or an export, a sealed file, a decision's proof, or a platform's URL.",
    ),
    key: str | None = typer.Option(None, help="The sealer's public key (vkey), or a file that holds it."),
    remembered: list[Path] = typer.Option([], help="A checkpoint of the ledger that you kept; repeat for more."),
    keep: Path | None = typer.Option(None, help="Keep the platform's checkpoint in this file, to remember next time."),
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Verify offline, trusting one public key alone. Exit code 0: verified. 1: something was changed.

    A URL is asked for all acts, records and ledger entries (as an auditor), which are then verified here.

    Example: holdfast verify https://holdfast.example --key platform.vkey --remembered checkpoint-of-last-month
    """
    from holdfast.domain.errors import Tampered

    pinned = key_of(key) if key else None
    try:
        if path.startswith(("http://", "https://")):
            document = _platform(path, pinned, remembered, token, keep)
        else:
            document = _verified(Path(path), pinned, remembered)
    except Tampered as error:
        return _refuted(error, as_json)
    if as_json:
        print_json({"verified": True, **document})
    else:
        typer.echo("\n".join(f"{name}: {value}" for name, value in document.items()))
        typer.echo("Verified." if pinned else f"Verified. {UNPINNED}")
    return Exit.PASS


def _verified(path: Path, key: Key | None, remembered: list[Path]) -> dict[str, Any]:
    from holdfast.domain.errors import FixInput
    from holdfast.ledger.export import is_export

    if path.is_file():
        return _sealed(path, key)
    if not path.is_dir():
        what = f"There is no file or folder {path}."
        raise FixInput("verify.absent", what, "Give a run's folder, a ledger's, an export, a sealed file or a URL.")
    if is_export(path):
        return _export(path, key, remembered)
    return _ledger(path, key, remembered) if (path / "checkpoint").exists() else _run(path, key)


def _sealed(path: Path, key: Key | None) -> dict[str, Any]:
    from holdfast.domain.errors import FixInput
    from holdfast.ledger.decision_proof import describe_proof, is_row_proof
    from holdfast.ledger.sealed import beside, describe

    key = key or beside(path)
    if key is None:
        hint = "Add --key: whoever sealed it has it in .holdfast/ledger.vkey."
        raise FixInput("verify.key", "A sealed file is verified against a key.", hint)
    data = path.read_bytes()
    shown = describe_proof(data, key) if is_row_proof(data) else describe(data, key)
    return {**shown, "key": key.vkey}


def _platform(url: str, key: Key | None, remembered: list[Path], token: str, keep: Path | None) -> dict[str, Any]:
    from holdfast.ledger.export import LEDGER

    with fetched(url, key, token) as folder:
        document = _export(folder, key, remembered)
        if keep is not None:
            keep.write_bytes((folder / LEDGER / "checkpoint").read_bytes())
    return document


@contextmanager
def fetched(url: str, key: Key | None, token: str) -> Iterator[Path]:
    """A running platform as an export, by what it answers: nothing of it is verified yet. Removed after the block."""
    from tempfile import TemporaryDirectory

    from holdfast.cli.remote import connected
    from holdfast.domain.errors import FixInput
    from holdfast.domain.verdict import timestamp
    from holdfast.ledger.fetch import write_export
    from holdfast.wiring import now

    if key is None:
        hint = "Add --key, from somewhere other than the platform: it could sign anything with a key that it names."
        raise FixInput("verify.key", "A platform is verified against a key.", hint)
    with TemporaryDirectory(prefix="holdfast-") as folder, connected(url, token) as client:
        checkpoint, at = client.show_checkpoint(), timestamp(now())
        write_export(Path(folder), key, checkpoint, bundles=client.read_entries, rows=client.read_rows, taken_at=at)
        yield Path(folder)


def _export(path: Path, key: Key | None, remembered: list[Path]) -> dict[str, Any]:
    from holdfast.ledger.export import VKEY, verify_export

    key = key or key_of(str(path / VKEY))
    found = verify_export(path, key, remembered=[file.read_bytes() for file in remembered])
    return {
        "taken": found.taken_at,
        "ledger": f"{found.checkpoint.size} entries in {found.checkpoint.origin}",
        "acts": found.rows.acts,
        "records": found.rows.records,
        "on their way to the ledger": found.rows.pending,
        "root": found.checkpoint.root.hex(),
        "key": key.vkey,
    }


def _refuted(error: Any, as_json: bool) -> Exit:
    if as_json:
        print_json({"verified": False, "error": {"code": error.code, "message": error.message, "hint": error.hint}})
    else:
        typer.echo(f"NOT VERIFIED: {error.message}\n{error.hint}".rstrip())
    return Exit.BREACH


def key_of(text: str) -> Key:
    """A public key as it was given: itself (vkey), or a file that holds it."""
    from holdfast.ledger.note import Key

    return Key.from_vkey(Path(text).read_text(encoding="utf-8") if Path(text).is_file() else text)


def _run(path: Path, key: Key | None) -> dict[str, Any]:
    from holdfast.ledger.bundle import verify_bundle

    bundle = verify_bundle(path, key)
    return {
        "system": bundle.evidence.system,
        "release": bundle.evidence.release,
        "evidence": bundle.verdict.evidence,
        "measured": bundle.evidence.taken_at,
        "verdict": bundle.verdict.outcome.value,
        "judged": bundle.verdict.judged_at,
        "ledger": f"entry {bundle.index} of {bundle.checkpoint.size} in {bundle.checkpoint.origin}",
        "key": bundle.key.vkey,
    }


def _ledger(path: Path, key: Key | None, remembered: list[Path]) -> dict[str, Any]:
    from holdfast.domain.errors import FixInput
    from holdfast.ledger.verify import verify_log

    if key is None:
        raise FixInput("verify.key", "A ledger is verified against a key.", "Add --key; `ledger.vkey` of a run has it.")
    head = verify_log(path, key, remembered=[file.read_bytes() for file in remembered]).checkpoint
    return {"ledger": head.origin, "entries": head.size, "root": head.root.hex(), "key": key.vkey}
