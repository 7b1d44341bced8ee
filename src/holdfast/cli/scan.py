"""`holdfast scan`: artefacts alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json

if TYPE_CHECKING:
    from holdfast.artifacts.report import FileReport


@command
def scan(
    paths: list[Path] = typer.Argument(help="Files or folders; nothing in them is loaded."),
    allow: list[str] = typer.Option([], help="A class of your own that may be loaded, by its exact name; repeat."),
    sarif: Path | None = typer.Option(None, help="Also write the result as SARIF 2.1.0 to this file."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say of each model file whether loading it could run code.

    Exit code 0: every file is allowed. 1: one would run code. 3: one cannot be shown to be safe.

    Example: holdfast scan models/
    """
    from holdfast import canonical
    from holdfast.artifacts.scan import scan_paths

    reports = scan_paths(tuple(paths), extra=frozenset(allow))
    if sarif is not None:
        from holdfast.reports.sarif import render_scan as as_sarif
        from holdfast.storage.cache import write_atomically

        write_atomically(sarif, as_sarif(reports))
    if as_json:
        print_json({"files": canonical.plain(reports)})
    else:
        from rich.console import Console

        from holdfast.reports.terminal import render_scan

        Console().print(render_scan(reports))
    return _exit(reports)


def _exit(reports: tuple[FileReport, ...]) -> Exit:
    verdicts = {report.verdict.value for report in reports}
    return Exit.BREACH if "refuse" in verdicts else Exit.INCONCLUSIVE if "unknown" in verdicts else Exit.PASS
