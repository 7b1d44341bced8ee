"""`holdfast system`: the inventory."""

from __future__ import annotations

import typer

from holdfast.cli.entrance import JSON_OPTION, Exit, command
from holdfast.cli.remote import LIMIT_OPTION, TOKEN_OPTION, URL_OPTION, connected, show_page, show_record

app = typer.Typer(
    help="Systems: what AI there is, and who answers for it.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
@command
def list_systems(
    tier: str = typer.Option("", help="Only this tier: minimal, limited, high or prohibited."),
    text: str = typer.Option("", help="Only names with this in them."),
    limit: int = LIMIT_OPTION,
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """List the inventory.

    Example: holdfast system list --tier high
    """
    with connected(url, token) as client:
        page = client.list_systems(state=tier, text=text, limit=limit, sort="title", descending=False)
    columns = {
        "system": lambda kept: kept.key,
        "tier": lambda kept: kept.record.tier,
        "status": lambda kept: kept.record.status,
        "use case": lambda kept: kept.record.use_case,
        "without an owner": lambda kept: ", ".join(kept.record.owners.vacant),
    }
    show_page(page, columns, as_json=as_json)
    return Exit.PASS


@app.command("show")
@command
def show(
    name: str = typer.Argument(help="The system's name."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Show one system.

    Example: holdfast system show credit
    """
    with connected(url, token) as client:
        show_record(client.show_system(name), as_json=as_json)
    return Exit.PASS


@app.command("register")
@command
def register(
    name: str = typer.Argument(help="The system's name; it stays."),
    purpose: str = typer.Option(..., help="What it decides, and what for."),
    use_case: str = typer.Option("", help="Credit, pricing, fraud, talent, …"),
    affected: str = typer.Option("", help="Whom its decisions are about."),
    vendor: str = typer.Option("", help="Who sold it; empty for one built here."),
    data_owner: str = typer.Option("", help="Who answers for the data."),
    model_owner: str = typer.Option("", help="Who answers for the model's behaviour."),
    deployment_owner: str = typer.Option("", help="Who answers for deployment."),
    monitoring_owner: str = typer.Option("", help="Who answers for monitoring."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Enter a system. Its tier is high until it is classified.

    Example: holdfast system register credit --purpose "Decides on loans" --use-case credit
    """
    from holdfast.domain.system import Owners, System

    owners = Owners(data_owner, model_owner, deployment_owner, monitoring_owner)
    system = System(name, purpose, use_case, affected, vendor, owners=owners)
    with connected(url, token) as client:
        show_record(client.register_system(system), as_json=as_json)
    return Exit.PASS


@app.command("classify")
@command
def classify(
    name: str = typer.Argument(help="The system's name."),
    regime: str = typer.Argument(help="The questionnaire, such as eu-ai-act."),
    yes: list[str] = typer.Option([], help="A question answered with yes, by its id; repeat for more."),
    no: list[str] = typer.Option([], help="A question answered with no; repeat for more."),
    others_no: bool = typer.Option(False, "--others-no", help="Answer every other question with no."),
    url: str = URL_OPTION,
    token: str = TOKEN_OPTION,
    as_json: bool = JSON_OPTION,
) -> Exit:
    """Answer a regime's questionnaire; the tier follows. Exit code 3: a question is open.

    Example: holdfast system classify credit eu-ai-act --yes creditworthiness --others-no
    """
    with connected(url, token) as client:
        asked = client.show_questionnaire(regime).questions if others_no else ()
        answers = {question.id: False for question in asked} | dict.fromkeys(no, False) | dict.fromkeys(yes, True)
        kept = client.classify(name, regime, answers)
    show_record(kept, as_json=as_json)
    return Exit.PASS if kept.record.tier else Exit.INCONCLUSIVE
