"""`holdfast explain`: one finding of one run, whole."""

from __future__ import annotations

from pathlib import Path

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json


@command
def explain(
    run: str = typer.Argument(help="The run's first digits, or `latest`."),
    finding: str | None = typer.Argument(None, help="The finding's id, such as evasion.decision_based/cheap-flip."),
    project: Path = typer.Option(Path(), help="The folder that holds holdfast.yaml."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Explain a finding: what it means, how it was found, how to see it again, what to do.

    Example: holdfast explain latest cheap-flip
    """
    from holdfast import canonical
    from holdfast.domain.errors import FixInput
    from holdfast.wiring import open_run

    opened = open_run(project, run)
    if finding is None:
        ids = [f.id for f in opened.evidence.findings]
        if as_json:
            print_json({"run": opened.id, "findings": ids})
        else:
            typer.echo("\n".join(ids) or "This run has no findings.")
        return Exit.PASS
    found = opened.finding(finding)
    if found is None:
        known = ", ".join(f.id for f in opened.evidence.findings) or "none"
        raise FixInput("finding.unknown", f"Run {opened.id} has no finding {finding!r}.", f"It has: {known}.")
    if as_json:
        print_json({"run": opened.id, "id": found.id, **canonical.plain(found)})
    else:
        from rich.console import Console

        from holdfast.reports.terminal import render_finding

        Console().print(render_finding(opened, found))
    return Exit.PASS
