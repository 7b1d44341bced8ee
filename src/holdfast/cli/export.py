"""`holdfast export`, `backup` and `restore`: the control plane as files."""

from __future__ import annotations

from pathlib import Path

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.up import DATABASE_OPTION, HOME_OPTION


@command
def export(
    folder: Path = typer.Argument(help="A folder that is not there yet."),
    home: Path = HOME_OPTION,
    database: str = DATABASE_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Write every act, record and the ledger to files that a stranger can verify; no secret among them.

    Example: holdfast export for-the-auditor && holdfast verify for-the-auditor
    """
    return _write(folder, home, database, private=False, as_json=as_json)


@command
def backup(
    folder: Path = typer.Argument(help="A folder that is not there yet."),
    home: Path = HOME_OPTION,
    database: str = DATABASE_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Write all that the platform needs to start again, its key included: keep it as safe as the platform.

    Example: holdfast backup /backups/2026-11-28
    """
    return _write(folder, home, database, private=True, as_json=as_json)


def _write(folder: Path, home: Path, database: str, *, private: bool, as_json: bool) -> Exit:
    from holdfast import wiring

    wiring.export(home.expanduser(), database=database, folder=folder, private=private)
    if as_json:
        print_json({"folder": str(folder), "is_backup": private})
    else:
        typer.echo(f"Written to {folder}. Verify it: holdfast verify {folder}")
    return Exit.PASS


@command
def restore(
    folder: Path = typer.Argument(help="A backup."),
    home: Path = HOME_OPTION,
    database: str = DATABASE_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Start again from a backup, in an empty --home and an empty database; the backup is verified first.

    Example: holdfast restore /backups/2026-11-28 --home /srv/holdfast
    """
    from holdfast import wiring

    verified = wiring.restore(home.expanduser(), database=database, folder=folder)
    if as_json:
        print_json({"acts": verified.rows.acts, "records": verified.rows.records, "taken": verified.taken_at})
    else:
        typer.echo(f"Restored {verified.rows.acts} acts, as of {verified.taken_at}.")
    return Exit.PASS
