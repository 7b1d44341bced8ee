"""`holdfast`: the commands, one file each. Heavy libraries load inside them, so that help is instant."""

from __future__ import annotations

import typer

from holdfast.cli import (
    appetite,
    breaker,
    check,
    credential,
    data,
    data_documents,
    decision,
    decision_compare,
    decision_explain,
    decision_label,
    decision_terms,
    deployment,
    drift,
    explain,
    export,
    gate,
    gateway,
    guard,
    init,
    people,
    policy,
    probes,
    prompt,
    record,
    release,
    release_import,
    release_lineage,
    release_sign,
    review,
    scan,
    sealer,
    subject,
    system,
    up,
    verify,
    watch,
)
from holdfast.version import __version__

app = typer.Typer(
    name="holdfast",
    help="Attack a model release, hold it to the risk appetite, and prove the verdict.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"holdfast {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Attack a model release, hold it to the risk appetite, and prove the verdict.

    Exit codes of every command: 0 pass, 1 breach, 2 error, 3 inconclusive.
    """


app.command("init")(init.init)
app.command("check")(check.check)
app.command("scan")(scan.scan)
app.command("probes")(probes.probes)
app.command("explain")(explain.explain)
app.command("drift")(drift.drift)
app.command("guard")(guard.guard)
app.command("verify")(verify.verify)
app.command("record", context_settings=record.SETTINGS)(record.record)
app.command("up")(up.up)
app.command("serve")(up.serve)
app.command("gateway")(gateway.gateway)
app.command("approve")(gate.approve)
app.command("refuse")(gate.refuse)
app.command("export")(export.export)
app.command("backup")(export.backup)
app.command("restore")(export.restore)
app.add_typer(appetite.app, name="appetite")
app.add_typer(system.app, name="system")
app.add_typer(release.app, name="release")
app.add_typer(gate.app, name="gate")
app.add_typer(deployment.app, name="deployment")
app.add_typer(deployment.waivers, name="waiver")
app.add_typer(breaker.app, name="breaker")
app.add_typer(credential.app, name="credential")
app.add_typer(sealer.app, name="sealer")
app.add_typer(people.app, name="people")
app.add_typer(people.tokens, name="token")
app.add_typer(data.app, name="data")
app.add_typer(prompt.app, name="prompt")
app.add_typer(policy.app, name="policy")
app.add_typer(decision.app, name="decision")
app.add_typer(subject.app, name="subject")
data.app.command("documents")(data_documents.documents)
decision.app.command("label")(decision_label.label)
decision.app.command("compare")(decision_compare.compare)
decision.app.command("explain")(decision_explain.explain)
decision.app.command("retention")(decision_terms.retention)
decision.app.command("hold")(decision_terms.hold)
decision.app.command("lift")(decision_terms.lift)
decision.app.command("holds")(decision_terms.holds)
decision.app.command("retain")(decision_terms.retain)
app.add_typer(review.app, name="review")
app.add_typer(watch.app, name="watch")
release.app.command("import")(release_import.import_release)
release.app.command("lineage")(release_lineage.lineage)
release.app.command("sign")(release_sign.sign)
release.app.command("verify")(release_sign.verify)


def run() -> None:
    """The console script."""
    app()
