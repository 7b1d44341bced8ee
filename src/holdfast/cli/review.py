"""`holdfast review`: the decisions that wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command, print_json
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, one_of, show_page, show_record

if TYPE_CHECKING:
    from holdfast.domain.review import HumanReview

app = typer.Typer(help="Decisions that wait for a person.", no_args_is_help=True, rich_markup_mode=None)
ID = typer.Argument(help="The decision's id.")


@app.command("list")
@command
def list_reviews(
    state: str = typer.Option("waiting", help="waiting, decided or lapsed."),
    system: str = typer.Option("", help="Only those of this system."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List reviews, what is due first at the top.

    Example: holdfast review list --system credit
    """
    from holdfast.domain.review import ReviewState

    with connected(url, token) as client:
        wanted = one_of(ReviewState, state)
        page = client.list_reviews(state=wanted.value, system=system, limit=limit, descending=False)
    columns = {
        "decision": lambda kept: kept.key,
        "system": lambda kept: kept.record.system,
        "due": lambda kept: kept.record.due_at,
        "otherwise": lambda kept: kept.record.unanswered.value,
        "ended": lambda kept: _ended(kept.record),
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


def _ended(review: HumanReview) -> str:
    if review.resolution is None:
        return ""
    return "refused" if review.resolution.answer is None else str(review.resolution.answer)


@app.command("show")
@command
def show(id: str = ID, url: str = URL_OPTION, token: str = TOKEN_OPTION, as_json: bool = JSON_OPTION) -> Exit:
    """Show one review, with what a person has to see where it waits and you may decide.

    Example: holdfast review show 01a221af-6f6d-7000-8968-d35da861e512
    """
    from holdfast import canonical
    from holdfast.domain.errors import Forbidden

    with connected(url, token) as client:
        kept, held = client.show_review(id), None
        try:
            held = client.show_content(id).held
        except Forbidden as error:
            if not as_json:
                typer.echo(f"Without its content: {error}", err=True)
    if as_json:
        print_json({"review": canonical.plain(kept), "held": canonical.plain(held)})
        return Exit.PASS
    show_record(kept.record, as_json=False)
    if held is not None:
        for way, fields in (("input", held.decision.inputs), ("model", held.decision.outputs)):
            for name, value in fields:
                typer.echo(f"{way} {name}: {'missing' if value is None else value}")
    return Exit.PASS


@app.command("decide")
@command
def decide(
    id: str = ID,
    answer: str = typer.Option("", help="What is answered: one of the system's classes, or a value."),
    refuse: bool = typer.Option(False, "--refuse", help="Nothing is answered."),
    reason: str = typer.Option(..., help="Why, in a sentence without names: it stays on record."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Decide a review, with an answer or with --refuse. What you saw is destroyed after it.

    Example: holdfast review decide 01a221af-6f6d-7000-8968-d35da861e512 --answer yes --reason "Income is proven"
    """
    from holdfast.domain.errors import FixInput
    from holdfast.domain.review import read_answer

    if bool(answer) == refuse:
        raise FixInput("review.answer", "Nothing says what is decided.", "Give --answer VALUE, or --refuse.")
    with connected(url, token) as client:
        said = None if refuse else read_answer(client.show_review(id).record, answer)
        show_record(client.decide_review(id, answer=said, reason=reason), as_json=as_json)
    return Exit.PASS


@app.command("forget")
@command
def forget(
    subject: str = typer.Argument(help="The person's pseudonym, as `holdfast subject erase --json` prints it."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Destroy what waiting reviews show of a person (GDPR Article 17); they wait on, or end by their default.

    Example: holdfast review forget 5b2c…e1
    """
    with connected(url, token) as client:
        done = client.forget_subject(subject)
    if as_json:
        print_json({"subject": done.subject})
    else:
        typer.echo("No review shows this person now.")
    return Exit.PASS
