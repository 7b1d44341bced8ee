"""Serving: before-guards, model, after-guards, the least information, decision, durable append, answer.

One exchange or a batch, waiting for nothing but the model and the log: policy, guards and admissions are in memory.
`serve` does all of it; a gateway that waits for the model elsewhere calls `before`, asks, and calls `settle`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.decision import Ended
from holdfast.domain.errors import ModelFailed
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import Policy, Review
from holdfast.flows.exchange import (
    ENDS,
    MODEL_FAILED,
    NOT_LET_IN,
    TOGETHER,
    Asked,
    Judged,
    Matrix,
    Places,
    Post,
    Reply,
    Served,
    is_kept_from,
)
from holdfast.flows.serve_log import record
from holdfast.guards.armed import Armed, Opinion, joined
from holdfast.guards.contract import Rows

Ask = Callable[[Places | None], Reply]
"""Asks the model about the given rows, by number; None for all of them."""

AT_ONCE = 16_384
"""Rows that guards look at together: few enough for the processor's cache."""

_UNRELEASED = {Action.FLAG: Action.ALLOW, Action.REVIEW: Action.REVIEW}
"""What becomes of rows while the release is not let in, where it is not that they are blocked."""

_ANSWERED, _BLOCKED, _REVIEW, _FALLBACK, _FAILED = (
    ENDS.index(ended) for ended in (Ended.ANSWERED, Ended.BLOCKED, Ended.REVIEW, Ended.FALLBACK, Ended.FAILED)
)


def serve(post: Post, asked: Asked, ask: Ask) -> Served:
    """One exchange or a batch, recorded before it is answered; ModelFailed, recorded too, where the model crashed."""
    judged = before(post, asked)
    rows = to_ask(post.policy, judged)
    reply, failure = None, None
    if rows is None or len(rows):
        try:
            reply = ask(rows)
        except Exception as error:  # whatever a model raises is recorded, and then the caller's to see
            failure = error
    return settle(post, asked, judged, reply, failure)


def before(post: Post, asked: Asked) -> Judged:
    """What is said of the rows before the model is asked. A release that is not let in is looked at by no guard."""
    now, acts = post.clock(), np.zeros(len(asked), dtype=np.int8)
    reasons = post.reasons(now)
    if NOT_LET_IN in reasons:
        acts[:] = _UNRELEASED.get(post.policy.unreleased, Action.BLOCK).rank
    judged = Judged(now, perf_counter(), acts, reasons=reasons)
    return _whole(post, asked, judged if acts.any() else _look(post, asked, judged, post.before))


def to_ask(policy: Policy, judged: Judged) -> Places | None:
    """The rows that the model is asked about; None for all."""
    is_left_out = policy.review is Review.HOLD or is_kept_from(policy, judged.reasons)
    return _up_to(Action.REDACT if is_left_out else Action.REVIEW, judged)


def to_answer(policy: Policy, judged: Judged) -> Places | None:
    """The rows whose answers the caller may have; None for all."""
    is_answered = policy.review is Review.ANSWER and not is_kept_from(policy, judged.reasons)
    return _up_to(Action.REVIEW if is_answered else Action.REDACT, judged)


def _whole(post: Post, asked: Asked, judged: Judged) -> Judged:
    """No row answered where one is not, if they go together. What is for a person still reaches them."""
    if not asked.together or to_answer(post.policy, judged) is None:
        return judged
    acts = np.full_like(judged.acts, Action.BLOCK.rank)
    acts[judged.acts == Action.REVIEW.rank] = Action.REVIEW.rank
    return replace(judged, acts=acts, reasons=(*judged.reasons, TOGETHER))


def _up_to(gravest: Action, judged: Judged) -> Places | None:
    if len(judged.acts) == 1 and judged.acts.item() <= gravest.rank:
        return None  # one row is the common case, and needs no comparison of arrays
    rows = judged.acts <= gravest.rank
    return None if rows.all() else np.flatnonzero(rows)


def settle(post: Post, asked: Asked, judged: Judged, reply: Reply | None, failure: Exception | None = None) -> Served:
    """After-guards, least information and the log. `reply` is to the rows of `to_ask`; None where none was asked."""
    asked_about, proposed = to_ask(post.policy, judged), reply
    if reply is not None and post.after:
        judged = _whole(post, asked, _look_after(post, asked, judged, asked_about, reply.outputs()))
    rows = to_answer(post.policy, judged)
    if reply is not None:
        reply = _narrowed(reply, asked_about, rows)
    if failure is not None:
        judged = replace(judged, reasons=(*judged.reasons, MODEL_FAILED))
    no_fallback = post.policy.fallback is None or not asked.fallback
    served = Served(
        judged=judged,
        ended=_ends(judged, asked_about, failed=failure is not None, blocked=_BLOCKED if no_fallback else _FALLBACK),
        answered=rows,
        reply=None if reply is None else reply.shown(post.policy),
        proposed=proposed,
        asked=asked_about,
    )
    served = replace(served, ids=record(post, asked, served))
    if failure is not None:
        message = f"The model raised {type(failure).__name__}: {failure}."
        raise ModelFailed("model.raised", message, "The request is in the decision log.") from failure
    return served


def _ends(judged: Judged, asked: Places | None, *, failed: bool, blocked: int) -> NDArray[np.int8]:
    acts = judged.acts
    if not acts.any():
        return np.full(len(acts), _FAILED if failed else _ANSWERED, dtype=np.int8)
    ended = np.full(len(acts), _ANSWERED, dtype=np.int8)
    ended[acts == Action.REVIEW.rank] = _REVIEW
    if failed:
        ended[slice(None) if asked is None else asked] = _FAILED
    ended[acts == Action.BLOCK.rank] = blocked
    return ended


def _narrowed(reply: Reply, rows: Places | None, still: Places | None) -> Reply | None:
    """The answers to the rows that are left."""
    if still is None or (rows is not None and len(rows) == len(still)):
        return reply
    kept = still if rows is None else np.searchsorted(rows, still)
    return reply.take(kept) if len(kept) else None


def _look(post: Post, asked: Asked, judged: Judged, guards: Sequence[Armed], outputs: Matrix | None = None) -> Judged:
    """The guards' opinions of all that was asked, block by block, and what follows."""
    n = len(asked)
    if not guards or not n:
        return judged
    spans = [slice(start, start + AT_ONCE) for start in range(0, n, AT_ONCE)]
    parts = [asked] if len(spans) == 1 else [asked.take(span) for span in spans]
    blocks = [
        _opinions(post, part.rows(post.ground, judged.now, None if outputs is None else outputs[span]), guards)
        for part, span in zip(parts, spans, strict=True)
    ]
    acts = [_acts(opinions, judged.acts[span]) for opinions, span in zip(blocks, spans, strict=True)]
    opinions = blocks[0] if len(blocks) == 1 else [joined(said) for said in zip(*blocks, strict=True)]
    return Judged(
        judged.now,
        judged.started,
        acts[0] if len(acts) == 1 else np.concatenate(acts),
        (*judged.opinions, *opinions),
        judged.reasons,
    )


def _look_after(post: Post, asked: Asked, judged: Judged, places: Places | None, outputs: Matrix) -> Judged:
    """The same after the model, of the rows that it answered."""
    if places is None:
        return _look(post, asked, judged, post.after, outputs)
    fresh = replace(judged, acts=judged.acts[places], opinions=())
    seen = _look(post, asked.take(places), fresh, post.after, outputs)
    acts = judged.acts.copy()
    acts[places] = seen.acts
    wide = tuple(opinion.spread(places, len(asked)) for opinion in seen.opinions)
    return replace(judged, acts=acts, opinions=(*judged.opinions, *wide))


def _opinions(post: Post, rows: Rows, guards: Sequence[Armed]) -> list[Opinion]:
    """What each guard says, until the policy's time is spent."""
    end = perf_counter() + post.policy.deadline_ms / 1000 * max(1.0, len(rows) / 1000)
    return [
        guard.judge(rows) if perf_counter() < end else guard.failed(rows, "had no time left to look")
        for guard in guards
    ]


def _acts(opinions: Sequence[Opinion], acts: NDArray[np.int8]) -> NDArray[np.int8]:
    """The rank of the gravest enforced action of each row, int8 (n,), none milder than it was."""
    for opinion in opinions:
        if opinion.any and opinion.armed.mode is Mode.ENFORCE:
            acts = np.maximum(acts, opinion.flagged * np.int8(opinion.action.rank))
    return acts
