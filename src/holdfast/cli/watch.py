"""`holdfast watch`: what was seen in a system's decisions, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, one_of, show_page, show_record

if TYPE_CHECKING:
    from holdfast.domain.look import Look
    from holdfast.domain.watch import Rule

app = typer.Typer(help="Watch decisions, and settle what was seen.", no_args_is_help=True, rich_markup_mode=None)


@app.command("show")
@command
def show(
    release: str = typer.Argument(help="The digest of a release that runs."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Show what watching a release last showed. Ends with 1 where something changed, 3 where that cannot be said yet.

    Example: holdfast watch show sha256:4f1c...
    """
    from holdfast.domain.errors import Absent

    with connected(url, token) as client:
        try:
            failure = client.show_round().failure_of(release)
        except Absent:
            failure = None
        if failure is not None:
            why = f"{failure.message} {failure.hint}".rstrip()
            typer.echo(f"Looking has failed since {failure.since}: {why}", err=True)
        look = client.show_look(release)
    return show_look(look, as_json=as_json)


def show_look(look: Look, *, as_json: bool) -> Exit:
    """Print a look, and end as it says."""
    from holdfast.reports.look_reading import State, state_of_all

    if as_json:
        from holdfast import canonical

        print_json(canonical.plain(look))
    else:
        from rich.console import Console

        from holdfast.reports.look_terminal import render

        Console().print(render(look))
    state = state_of_all(look)
    if state in (State.BEYOND, State.CHANGED):
        return Exit.BREACH
    return Exit.PASS if state is State.QUIET else Exit.INCONCLUSIVE


@app.command("log")
@command
def watch_log(
    system: str = typer.Argument("", help="The system's name in the log; the run's, if it is left out."),
    run: str = typer.Option("latest", help="The run that says what is usual: the first digits of its id, or latest."),
    span: str = typer.Option("day", help="How long a batch is: hour or day."),
    home: Path = typer.Option(Path(".holdfast"), envvar="HOLDFAST_HOME", help="Where runs and the decision log lie."),
    segments: str = typer.Option("", help="Where sealed segments lie: a folder or s3://…; else as the settings say."),
    score: str = typer.Option("", help="The output that holds the score, if its name does not say so."),
    decision: str = typer.Option("", help="The output that holds the decision, if its name does not say so."),
    baseline: Path | None = typer.Option(None, help="What `watch learn` wrote, instead of a run."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Watch a decision log without a control plane: look at all of it once. Ends as `show` does.

    Example: holdfast watch log credit
    """
    from holdfast.domain.watch import Span, Watch
    from holdfast.wiring import watching

    watch = Watch(system, one_of(Span, span), score=score, decision=decision)
    folder = home.expanduser()
    look = watching.watch_log(folder, run, system=system, watch=watch, segments=segments, baseline=baseline)
    return show_look(look, as_json=as_json)


@app.command("learn")
@command
def learn(
    system: str = typer.Argument(help="A system that answers in text."),
    release: str = typer.Option(..., help="The digest of the release whose decisions say what is usual."),
    out: Path = typer.Option(Path("baseline.json"), help="Where it is written."),
    submit: bool = typer.Option(False, "--submit", help="File it with the control plane, which watches from then on."),
    home: Path = typer.Option(Path(".holdfast"), envvar="HOLDFAST_HOME", help="Where the decision log lies."),
    segments: str = typer.Option("", help="Where sealed segments lie: a folder or s3://…; else as the settings say."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
) -> Exit:
    """Learn what is usual of a system that answers in text, from its own first decisions: lengths, languages, words.

    Example: holdfast watch learn helpdesk --release sha256:4f1c... --submit
    """
    from holdfast.storage.cache import write_atomically
    from holdfast.wiring import watching

    sealed, sealer = watching.learn_usual(home.expanduser(), system=system, release=release, segments=segments)
    write_atomically(out, sealed)
    typer.echo(f"What is usual of {system} is in {out}.")
    if submit:
        with connected(url, token) as client:
            client.submit_baseline(sealed, sealer)
        typer.echo(f"Filed with {url}.")
    return Exit.PASS


@app.command("segments")
@command
def watch_segments(
    system: str = typer.Argument("", help="The system's name in the log; the run's, if it is left out."),
    engine: str = typer.Option("duckdb", help="Who counts: duckdb here, or spark where it runs."),
    state: Path = typer.Option(Path("watched.json"), help="Where what was counted is kept; only what is new is read."),
    run: str = typer.Option("latest", help="The run that says what is usual: the first digits of its id, or latest."),
    span: str = typer.Option("day", help="How long a batch is: hour or day."),
    home: Path = typer.Option(Path(".holdfast"), envvar="HOLDFAST_HOME", help="Where runs and the decision log lie."),
    segments: str = typer.Option("", help="The folder of sealed segments; else as the settings say."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Watch a large decision log without a control plane: an engine counts what is new. Ends as `show` does.

    Example: holdfast watch segments credit --engine spark --state /srv/watched.json
    """
    from holdfast.domain.watch import Span, Watch
    from holdfast.wiring import watching

    watch, folder = Watch(system, one_of(Span, span)), home.expanduser()
    look = watching.watch_segments(
        folder, run, system=system, watch=watch, engine=engine, state=state, segments=segments
    )
    return show_look(look, as_json=as_json)


@app.command("table")
@command
def watch_table(
    url: str = typer.Argument(help="Where the warehouse is, as Ibis takes it: postgres://…, duckdb://file, …"),
    table: str = typer.Argument(help="The table of decisions there, a row for each."),
    score: str = typer.Option(..., help="The column with the score of the favourable class, or the value."),
    decision: str = typer.Option("", help="The column with the decided class."),
    label: str = typer.Option("", help="The column with what turned out to be true."),
    labels: str = typer.Option("", help="A table of outcomes instead: decision, outcome."),
    column: list[str] = typer.Option([], help="FEATURE=COLUMN where a column is not called input_FEATURE."),
    id: str = typer.Option("id", help="The column with the decision's id."),
    at: str = typer.Option("decided_at", help="The column with its time."),
    release: str = typer.Option("release", help="The column with the release's digest, or empty text."),
    run: str = typer.Option("latest", help="The run that says what is usual: the first digits of its id, or latest."),
    span: str = typer.Option("day", help="How long a batch is: hour or day."),
    home: Path = typer.Option(Path(".holdfast"), envvar="HOLDFAST_HOME", help="Where runs lie."),
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Watch decisions in your own warehouse: they are counted there, and no row leaves it but samples. Ends as `show`.

    Example: holdfast watch table duckdb://warehouse.db decisions --score pd --decision answer --column income=inc
    """
    from holdfast.domain.watch import Span, Watch
    from holdfast.engines.view import View
    from holdfast.wiring import watching

    pairs = tuple((name, own) for name, _, own in (text.partition("=") for text in column))
    view = View(score, decision, label, pairs, id=id, at=at, release=release)
    watch = Watch("", one_of(Span, span))
    look = watching.watch_table(home.expanduser(), run, watch=watch, url=url, table=table, view=view, labels=labels)
    return show_look(look, as_json=as_json)


@app.command("set")
@command
def set_watch(
    system: str = typer.Argument(help="The system's name."),
    span: str = typer.Option("day", help="How long a batch is: hour or day."),
    rule: list[str] = typer.Option([], help="MEASURE=note|alert|release|system:WHY; the first that fits counts."),
    skip: list[str] = typer.Option([], help="A monitor that is left out; repeat for more."),
    mail: list[str] = typer.Option([], help="An address to which alerts are written, too; repeat for more."),
    score: str = typer.Option("", help="The output that holds the score, if its name does not say so."),
    decision: str = typer.Option("", help="The output that holds the decision, if its name does not say so."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say how a system is watched, and what follows from alarms.

    Example: holdfast watch set credit --rule "fairness=release:Nobody may be treated worse for long"
    """
    from holdfast.domain.watch import Span, Watch

    rules = tuple(_rule(text) for text in rule)
    watch = Watch(system, one_of(Span, span), rules, tuple(skip), tuple(mail), score, decision)
    with connected(url, token) as client:
        show_record(client.set_watch(watch), as_json=as_json)
    return Exit.PASS


@app.command("alerts")
@command
def list_alerts(
    system: str = typer.Option("", help="Of this system alone."),
    state: str = typer.Option("open", help="open or settled."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List alerts, the latest first. Ends with 1 where one is open.

    Example: holdfast watch alerts --system credit
    """
    with connected(url, token) as client:
        page = client.list_alerts(system=system, state=state, limit=limit)
    columns = {
        "alert": lambda kept: kept.key,
        "system": lambda kept: kept.record.system,
        "owner": lambda kept: kept.record.owner,
        "since": lambda kept: kept.record.since,
        "what": lambda kept: kept.record.what,
    }
    show_page(page, columns, as_json=as_json)
    return Exit.BREACH if any(kept.record.is_open for kept in page.items) else Exit.PASS


@app.command("settle")
@command
def settle(
    alert: str = typer.Argument(help="The alert's key."),
    how: str = typer.Option(..., help="normal (it is how things are now), mended, or nothing."),
    reason: str = typer.Option(..., help="Why, in a sentence."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Say what an alert came to; watching goes on from there.

    Example: holdfast watch settle 3f09c1d2a4b5 --how mended --reason "The feed sends euros again"
    """
    from holdfast.domain.alert import Settled

    with connected(url, token) as client:
        show_record(client.settle_alert(alert, one_of(Settled, how), reason=reason), as_json=as_json)
    return Exit.PASS


@app.command("incidents")
@command
def list_incidents(
    state: str = typer.Option("open", help="open or closed."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List incidents, the latest first. Ends with 1 where one is open.

    Example: holdfast watch incidents
    """
    with connected(url, token) as client:
        page = client.list_incidents(state=state, limit=limit)
    columns = {
        "incident": lambda kept: kept.key,
        "system": lambda kept: kept.record.system,
        "since": lambda kept: kept.record.opened_at,
        "what": lambda kept: kept.record.title,
        "stopped": lambda kept: kept.record.breaker or "nothing",
    }
    show_page(page, columns, as_json=as_json)
    return Exit.BREACH if any(kept.record.is_open for kept in page.items) else Exit.PASS


@app.command("close")
@command
def close(
    incident: str = typer.Argument(help="The incident's key."),
    reason: str = typer.Option(..., help="How it ended."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Close an incident whose alerts are settled.

    Example: holdfast watch close incident-3f09c1d2a4b5 --reason "The feed is mended, and the release is back"
    """
    with connected(url, token) as client:
        show_record(client.close_incident(incident, reason=reason), as_json=as_json)
    return Exit.PASS


def _rule(text: str) -> Rule:
    from holdfast.domain.errors import FixInput
    from holdfast.domain.watch import Consequence, Rule

    measure, _, rest = text.partition("=")
    consequence, _, why = rest.partition(":")
    if not why:
        raise FixInput("watch.rule", f"{text!r:.80} is no rule.", "Write MEASURE=alert:WHY.")
    return Rule(measure, one_of(Consequence, consequence), why)
