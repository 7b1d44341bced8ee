"""`holdfast verify`: check a run's folder or a whole ledger from files alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json

if TYPE_CHECKING:
    from holdfast.ledger.note import Key

UNPINNED = (
    "The key was read beside the evidence: this shows that nothing changed, not who sealed it. Pin it with --key."
)


@command
def verify(
    path: Path = typer.Argument(help="A run's folder (or the --out copy of it), a ledger's, or an export."),
    key: str | None = typer.Option(None, help="The sealer's public key (vkey), or a file that holds it."),
    remembered: list[Path] = typer.Option([], help="A checkpoint of the ledger that you kept; repeat for more."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Verify offline, trusting one public key alone. Exit code 0: verified. 1: something was changed.

    Example: holdfast verify .holdfast/runs/0f3c9a... --key holdfast.local/ledger+...
    """
    from holdfast.domain.errors import FixInput, Tampered

    if not path.is_dir():
        raise FixInput("verify.absent", f"There is no folder {path}.", "Give a run's folder or a ledger's.")
    pinned = _key(key) if key else None
    try:
        document = _verified(path, pinned, remembered)
    except Tampered as error:
        return _refuted(error, as_json)
    if as_json:
        print_json({"verified": True, **document})
    else:
        typer.echo("\n".join(f"{name}: {value}" for name, value in document.items()))
        typer.echo("Verified." if pinned else f"Verified. {UNPINNED}")
    return Exit.PASS


def _verified(path: Path, key: Key | None, remembered: list[Path]) -> dict[str, Any]:
    from holdfast.ledger.export import is_export

    if is_export(path):
        return _export(path, key, remembered)
    return _ledger(path, key, remembered) if (path / "checkpoint").exists() else _run(path, key)


def _export(path: Path, key: Key | None, remembered: list[Path]) -> dict[str, Any]:
    from holdfast.ledger.export import VKEY, verify_export

    key = key or _key(str(path / VKEY))
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


def _key(text: str) -> Key:
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
