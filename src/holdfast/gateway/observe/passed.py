"""An exchange that is over and in the log, as counts, traces and events see it: no content, no secret, no subject."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from holdfast.domain.credential import Route
from holdfast.domain.decision import Ended, Lane
from holdfast.domain.guard import Action, GuardVerdict, Mode
from holdfast.flows.converse import Chat, Said
from holdfast.flows.exchange import ENDS, Asked, Judged, Post, Served
from holdfast.gateway.chat.hosts import Provider
from holdfast.gateway.dialects.contract import Usage
from holdfast.guards.armed import Opinion
from holdfast.guards.armed_text import Remark

BROKE = "failed"
"""The outcome of a guard that made none."""

OPERATIONS = {Route.CHAT: "chat", Route.EMBED: "embeddings"}
PROVIDERS = {Provider.OPENAI: "openai", Provider.AZURE: "azure.ai.openai", Provider.ANTHROPIC: "anthropic"}
_WORD = re.compile(r"[a-z][a-z_]{0,39}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one guard wanted for so many decisions, or that it `BROKE`."""

    guard: str
    mode: Mode
    outcome: Action | str
    count: int


@dataclass(frozen=True, slots=True)
class Generated:
    """What a model of language was asked for, and `where`; never what was said. `finish` is why it stopped.

    Source of the names: OpenTelemetry, "Semantic conventions for generative AI systems", 1.37.
    """

    route: Route
    provider: Provider
    model: str
    where: tuple[str, int]
    usage: Usage
    finish: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """What counts are told apart by: all of it stands in the document."""
        return {
            "gen_ai.operation.name": OPERATIONS[self.route],
            "gen_ai.provider.name": PROVIDERS[self.provider],
            "gen_ai.request.model": self.model,
        }

    @property
    def attributes(self) -> dict[str, str | int | tuple[str, ...]]:
        """What a span says."""
        told: dict[str, str | int | tuple[str, ...]] = {**self.labels}
        told |= {"server.address": self.where[0], "server.port": self.where[1]}
        if self.usage.tokens:
            told |= {"gen_ai.usage.input_tokens": self.usage.asked, "gen_ai.usage.output_tokens": self.usage.answered}
        if _WORD.fullmatch(self.finish):
            told["gen_ai.response.finish_reasons"] = (self.finish,)
        return told


@dataclass(slots=True)
class Passed:
    """One exchange. `ended` is how it ended as a whole, `decisions` how many of its decisions ended how, `decision` the
    first one's id, `acted` the guards that changed something, `reason` the first of the log's reasons.
    """

    system: str
    release: str
    lane: Lane
    principal: str
    decision: str
    ended: Ended
    decisions: Sequence[tuple[Ended, int]]
    wanted: Sequence[Wanted]
    acted: tuple[str, ...]
    reason: str = ""
    generated: Generated | None = None


def rows_passed(post: Post, asked: Asked, judged: Judged, served: Served | None, ids: Sequence[str]) -> Passed:
    """Of an exchange of rows; `served` is None where the model failed."""
    decisions = _decisions(served, len(asked))
    opinions = [opinion for opinion in judged.opinions if opinion.any or opinion.failed]
    return Passed(
        post.system,
        post.release,
        asked.lane,
        asked.principal,
        next(iter(ids), ""),
        decisions[-1][0],
        decisions,
        [_wanted(opinion, len(asked)) for opinion in opinions],
        tuple([one.armed.spec.id for one in opinions if one.any and one.armed.mode is Mode.ENFORCE]),
        next(iter(judged.reasons), ""),
    )


def turn_passed(
    chat: Chat,
    said: Said,
    ended: Ended,
    *,
    remarks: Iterable[Remark],
    verdicts: Iterable[GuardVerdict],
    reasons: Sequence[str],
    decision: str,
    generated: Generated | None,
) -> Passed:
    """Of a turn of a conversation; `generated` is None where no model was asked."""
    judged = [*(remark.verdict("") for remark in remarks), *verdicts]
    wanting = [one for one in judged if one.failed or one.action is not Action.ALLOW]
    return Passed(
        chat.system,
        chat.release,
        said.lane,
        said.principal,
        decision,
        ended,
        [(ended, 1)],
        [Wanted(one.guard, one.mode, BROKE if one.failed else one.action, 1) for one in wanting],
        tuple(dict.fromkeys(one.guard for one in wanting if one.mode is Mode.ENFORCE)),
        next(iter(reasons), ""),
        generated,
    )


def _decisions(served: Served | None, rows: int) -> list[tuple[Ended, int]]:
    """How many rows ended how, in the order of `Ended`."""
    if served is None:
        return [(Ended.FAILED, rows)]
    if rows == 1:
        return [(ENDS[served.ended[0]], 1)]
    counts = np.bincount(served.ended, minlength=len(ENDS)).tolist()
    return [(each, count) for each, count in zip(ENDS, counts, strict=True) if count]


def _wanted(opinion: Opinion, rows: int) -> Wanted:
    armed = opinion.armed
    if opinion.failed:
        return Wanted(armed.spec.id, armed.mode, BROKE, rows)
    return Wanted(armed.spec.id, armed.mode, opinion.action, rows if rows == 1 else int(opinion.flagged.sum()))
