"""The account of a decision in a terminal: one sentence, the reasons, what would have changed it, then the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from holdfast import words
from holdfast.explanations.account import Account
from holdfast.explanations.counterfactuals import Way, Ways
from holdfast.explanations.explanation import Explanation, Part
from holdfast.explanations.wording import Wording, plainly, said

MOST_ROWS = 20


def render(account: Account, wording: Wording) -> RenderableType:
    """The whole account."""
    return Group(*_blocks(account, wording))


def _blocks(account: Account, wording: Wording) -> Iterator[RenderableType]:
    yield Text(_sentence(account), style="bold")
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


def _sentence(account: Account) -> str:
    decided = said(account.explanation.decided)
    way = "against the person" if account.explanation.is_adverse else "that way"
    named = " and ".join(plainly(reason.feature) for reason in account.reasons.principal[:2]) or "nothing in particular"
    return f"{plainly(account.system)} decided {decided}; what weighed most {way}: {named}."


def _heading(text: str) -> RenderableType:
    return Padding(Text(text, style="bold"), (1, 0, 0, 0))


def _ways(ways: Ways, wording: Wording) -> Iterator[str]:
    for place, way in enumerate(ways.found, start=1):
        yield f"{place}. {_way(way, wording)}"
    if ways.note:
        yield plainly(ways.note)


def _way(way: Way, wording: Wording) -> str:
    changes = ", ".join(
        f"{wording.name(change.feature)} {said(change.after)} instead of {said(change.before)}"
        for change in way.changes
    )
    return f"{words.sentence_case(changes)} (passes {way.shift:.0%} of people)"


def _table(explanation: Explanation) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title, side in (("fact", "left"), ("value", "right"), ("usual", "right"), ("contribution", "right")):
        table.add_column(title, justify=side)  # type: ignore[arg-type]
    for part in explanation.parts[:MOST_ROWS]:
        table.add_row(*map(Text, _row(part)))
    rest = explanation.parts[MOST_ROWS:]
    if rest:
        table.add_row(Text(f"{len(rest)} more"), Text(""), Text(""), Text(f"{sum(p.contribution for p in rest):+.3f}"))
    table.add_row(Text("mean of the people compared"), Text(""), Text(""), Text(f"{explanation.base:.3f}"))
    table.add_row(Text("score"), Text(""), Text(""), Text(f"{explanation.score:.3f}"))
    return table


def _row(part: Part) -> tuple[str, str, str, str]:
    values = tuple("" if value is None else said(value) for value in (part.value, part.usual))
    return plainly(part.feature), values[0], values[1], f"{part.contribution:+.3f} ± {2 * part.error:.3f}"
