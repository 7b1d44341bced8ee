"""Serving a conversation: before-guards, model, after-guards, decision. One turn of it is one decision.

What people and models say is personal always: it is kept under the key of whoever the turn is about, and where that is
nobody, not at all. What stays is its shape (`holdfast.text.shape`), in numbers that add up: by those texts are watched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter

from holdfast.domain.decision import Decision, Ended, Field, Lane
from holdfast.domain.guard import Action, GuardVerdict, Stage
from holdfast.flows.exchange import Station, is_kept_from
from holdfast.flows.serve_log import micros_since, policy_digest, stamp, without_personal
from holdfast.guards.armed_text import ArmedText, Remark, enforced, hearing
from holdfast.guards.passages import Conversation, Passage
from holdfast.text.shape import shape_of

PROMPT, ANSWER = "prompt", "answer"
ASKING, ANSWERING = frozenset({"user"}), frozenset({"assistant"})


@dataclass(frozen=True, eq=False, kw_only=True)
class Chat(Station):
    """A system that is asked with text: its guards, and the key from which they derive theirs."""

    before: tuple[ArmedText, ...]
    after: tuple[ArmedText, ...]
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What somebody says: passages, other `facts` about the turn, the credential's id, and whom it is about."""

    passages: tuple[Passage, ...]
    facts: tuple[Field, ...]
    principal: str = ""
    subject: str = ""
    trace: str = ""
    lane: Lane = Lane.LIVE
    follows: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What was said of a turn before the model is asked, and what follows; `started` is `perf_counter` seconds.
    `verdicts` are those on the tools that it declares.
    """

    now: datetime
    started: float
    action: Action
    remarks: tuple[Remark, ...] = ()
    reasons: tuple[str, ...] = ()
    verdicts: tuple[GuardVerdict, ...] = ()

    @property
    def is_let_on(self) -> bool:
        """Whether the model may be asked."""
        return self.action.rank <= Action.REDACT.rank


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """How a turn ended: what the caller was told, in passages, what guards said of it, and other `facts`. `verdicts`
    are those on the tools that it calls.
    """

    ended: Ended
    passages: tuple[Passage, ...] = ()
    remarks: tuple[Remark, ...] = ()
    facts: tuple[Field, ...] = ()
    reasons: tuple[str, ...] = ()
    verdicts: tuple[GuardVerdict, ...] = ()


def hear(chat: Chat, said: Said) -> Heard:
    """What the guards before the model say. A release that is not let in is looked at by none."""
    now, started = chat.clock(), perf_counter()
    reasons = chat.reasons(now)
    if is_kept_from(chat.policy, reasons):
        return Heard(now, started, Action.BLOCK, reasons=reasons)
    before = hearing(chat.before, _conversation(chat, said, Stage.BEFORE))
    remarks = tuple(guard.read(said.passages) for guard in before)
    return Heard(now, started, enforced(remarks), remarks, reasons)


def after(chat: Chat, said: Said, prompt: tuple[Passage, ...] = ()) -> tuple[ArmedText, ...]:
    """The guards after the model, which have heard what was asked, and what a `prompt` of the gateway's says."""
    return hearing(chat.after, _conversation(chat, said, Stage.AFTER, prompt))


def on_results(chat: Chat, said: Said) -> tuple[ArmedText, ...]:
    """The guards on what a tool answers: those after the model, since whoever called hears it, and those before it,
    since a model will read it.
    """
    told = after(chat, said)
    known = {guard.spec.id for guard in told}
    read = hearing(chat.before, _conversation(chat, said, Stage.BEFORE))
    return (*told, *(guard for guard in read if guard.spec.id not in known))


def _conversation(chat: Chat, said: Said, stage: Stage, prompt: tuple[Passage, ...] = ()) -> Conversation:
    return Conversation(stage, (*prompt, *said.passages), said.principal, said.subject, chat.key)


def decision_of(chat: Chat, said: Said, heard: Heard, told: Told) -> Decision:
    """The turn as the log keeps it."""
    is_told = told.ended is not Ended.OPENED and bool(told.passages)
    decision = Decision(
        id=chat.ids.next(),
        at=stamp(heard.now),
        system=chat.system,
        release=chat.release,
        environment=chat.environment,
        lane=said.lane,
        ended=told.ended,
        gateway=chat.gateway,
        principal=said.principal,
        subject=said.subject,
        inputs=((PROMPT, _text(said.passages)), *said.facts, *_shape(PROMPT, said.passages, ASKING)),
        outputs=(
            *(((ANSWER, _text(told.passages)),) if is_told else ()),
            *told.facts,
            *(_shape(ANSWER, told.passages, ANSWERING)[:2] if is_told else ()),
        ),
        verdicts=(
            *heard.verdicts,
            *(remark.verdict(PROMPT) for remark in heard.remarks),
            *told.verdicts,
            *(remark.verdict(ANSWER) for remark in told.remarks),
        ),
        reasons=(*heard.reasons, *told.reasons),
        snapshot=chat.snapshot,
        micros=micros_since(heard.started),
        trace=said.trace,
        follows=said.follows,
        policy=policy_digest(chat.policy),
    )
    return without_personal(chat.vault, (PROMPT, ANSWER, *chat.policy.personal), [decision])[0]


def rest_of(said: Said, heard: Heard, opened: Decision) -> tuple[Said, Heard]:
    """What the decision that ends a stream still has to say, which is not what the one that opened it has said."""
    shape = _shape(PROMPT, said.passages, ASKING)
    rest = replace(said, passages=(), facts=(*said.facts, *shape), follows=opened.id)
    return rest, replace(heard, remarks=(), verdicts=())


def _shape(name: str, passages: Sequence[Passage], roles: frozenset[str]) -> tuple[Field, ...]:
    """The shape of what was said last in one of these roles, or at all; nothing where nobody said anything."""
    said = [passage.text for passage in passages if passage.role in roles] or [one.text for one in passages]
    return shape_of(said[-1], name) if said else ()


def _text(passages: Sequence[Passage]) -> str | None:
    """The passages as JSON, ``[[role, text], …]``; None where there are none."""
    if not passages:
        return None
    return json.dumps([[passage.role, passage.text] for passage in passages], ensure_ascii=False)
