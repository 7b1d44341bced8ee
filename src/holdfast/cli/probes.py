"""`holdfast probes`: what exists, what each needs and costs."""

from __future__ import annotations

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json


@command
def probes(
    family: str | None = typer.Argument(None, help="Only this family or probe."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List the probes: what each asks, needs and costs.

    Example: holdfast probes evasion
    """
    from holdfast.domain.errors import FixInput
    from holdfast.plugins import find_probes
    from holdfast.settings import read_settings

    specs = find_probes(read_settings().plugins)
    chosen = [spec for spec in specs if family in (None, spec.family, spec.id)]
    if not chosen:
        known = ", ".join(sorted({spec.family for spec in specs}))
        raise FixInput("probe.unknown", f"There is no probe or family {family!r}.", f"Families: {known}.")
    if as_json:
        from holdfast import canonical

        keep = ("id", "version", "title", "question", "cost", "memory_mb", "catalogue", "measures")
        print_json(
            {
                "probes": [
                    {name: canonical.plain(getattr(spec, name)) for name in keep}
                    | {"needs": sorted(spec.needs), "tasks": sorted(spec.tasks)}
                    | {"efforts": {effort: vars(params) for effort, params in spec.efforts.items()}}
                    for spec in chosen
                ]
            }
        )
    else:
        from rich.console import Console

        from holdfast.reports.terminal import render_probes

        Console().print(render_probes(chosen))
    return Exit.PASS
