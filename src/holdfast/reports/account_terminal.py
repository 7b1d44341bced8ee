"""The account of a decision in a terminal: one sentence, the reasons, what would have changed it, then the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast.explanations.account import Account
from holdfast.explanations.counterfactuals import Ways
from holdfast.explanations.explanation import Explanation
from holdfast.explanations.wording import Wording, plainly
from holdfast.reports.account_reading import part_row, sentence, way_sentence

MOST_ROWS = 20


def render(account: Account, wording: Wording) -> RenderableType:
    """The whole account."""
    return Group(*_blocks(account, wording))


def _blocks(account: Account, wording: Wording) -> Iterator[RenderableType]:
    yield Text(sentence(account), style="bold")
    yield _heading("Principal reasons")
    for place, reason in enumerate(account.reasons.principal, start=1):
        unsure = "" if reason.is_settled else ", about as much as the next"
        yield Padding(Text(f"{place}. {reason.sentence} ({reason.share:.0%} of the pull{unsure})"), (0, 0, 0, 2))
    if account.ways is not None:
        yield _heading("What would have changed it")
        yield from (Padding(Text(line), (0, 0, 0, 2)) for line in _ways(account.ways, wording))
    yield _heading(f"What each fact contributed ({account.explanation.scale})")
    yield _table(account.explanation)
    for problem in account.reasons.problems:
        yield Text(f"! {plainly(problem)}", style="bold")
    yield Text(" ".join(account.notes), style="dim")
    yield Text(f"Write to the person: holdfast decision explain {account.decision} --letter TERMS.yaml", style="dim")


def _heading(text: str) -> RenderableType:
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


def _ways(ways: Ways, wording: Wording) -> Iterator[str]:
    for place, way in enumerate(ways.found, start=1):
        yield f"{place}. {way_sentence(way, wording)}"
    if ways.note:
        yield plainly(ways.note)


def _table(explanation: Explanation) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title, side in (("fact", "left"), ("value", "right"), ("usual", "right"), ("contribution", "right")):
        table.add_column(title, justify=side)  # type: ignore[arg-type]
    for part in explanation.parts[:MOST_ROWS]:
        table.add_row(*map(Text, part_row(part)))
    rest = explanation.parts[MOST_ROWS:]
    if rest:
        table.add_row(Text(f"{len(rest)} more"), Text(""), Text(""), Text(f"{sum(p.contribution for p in rest):+.3f}"))
    table.add_row(Text("mean of the people compared"), Text(""), Text(""), Text(f"{explanation.base:.3f}"))
    table.add_row(Text("score"), Text(""), Text(""), Text(f"{explanation.score:.3f}"))
    return table
