"""One served conversation: which release answers, what guards say of each turn, and what is logged before it is heard.

A turn that is told piece by piece is logged twice: that it began, before the first piece goes out, and how it ended,
before the last one does.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter

import orjson

from holdfast.decisions.log import SegmentLog
from holdfast.domain.credential import Route
from holdfast.domain.decision import Decision, Ended, Field, Lane
from holdfast.domain.errors import Blocked, FixInput, Forbidden, HoldfastError, ModelFailed, TooMany, Unavailable
from holdfast.domain.guard import Action, GuardVerdict
from holdfast.domain.guard import enforced as enforced_verdicts
from holdfast.domain.prompt import Prompt
from holdfast.flows.converse import Chat, Heard, Said, Told, after, decision_of, hear, rest_of
from holdfast.flows.exchange import MODEL_FAILED, is_kept_from
from holdfast.flows.serve_log import FALLBACK
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.access.lanes import Lanes
from holdfast.gateway.chat.held_calls import HeldCalls
from holdfast.gateway.chat.hosts import Host, Hosted
from holdfast.gateway.chat.prompts import Prompts, slots_of, take_variables, without_prompt
from holdfast.gateway.chat.relay import Relay, without_odds
from holdfast.gateway.dialects.calls import declared, without
from holdfast.gateway.dialects.contract import Dialect, Json, Slot, Usage
from holdfast.gateway.http.beside import beside
from holdfast.gateway.http.connection import Headers
from holdfast.gateway.http.server import EVENTS, JSON, Reply, Streamed
from holdfast.gateway.http.sse import Event
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.observe.passed import Generated, turn_passed
from holdfast.guards.armed_text import ArmedText, enforced, redactions
from holdfast.guards.passages import Passage, redact
from holdfast.guards.tools.judge import Occasion
from holdfast.guards.tools.talk import ToolTalk

MOST_CHARACTERS = 4_000_000
BESIDE = 50_000
"""Characters from which on guards read beside the loop, which others wait for."""

MOST_SHADOWS = 64
MOST_DIGITS = 6

PASSED_BACK = frozenset({400, 404, 413, 415, 422})
"""Statuses by which an upstream says that the request is wrong: what it says of it is the caller's to read."""

WENT_AWAY = "client-went-away"

Spent = Callable[[Usage, int], None]
"""Told once what an exchange used: tokens, and money in millionths of the unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """One request: its dialect and body, which is changed on its way, and what of its headers may be passed on.

    `task` is the one that it picks, and `principals` what the credential that asks is called.
    """

    dialect: Dialect
    body: Json
    headers: Headers
    principal: str
    subject: str = ""
    trace: str = ""
    lane: Lane = Lane.LIVE
    follows: str = ""
    task: str = ""
    principals: tuple[str, ...] = ()


class Conversing:
    """A system under its `name`, by which clients call it as a model. `chats` and `hosts` are by release digest."""

    def __init__(
        self,
        name: str,
        chats: Mapping[str, Chat],
        hosts: Mapping[str, Host],
        lanes: Lanes,
        *,
        follower: Follower,
        log: SegmentLog,
        prompts: Prompts,
        observer: Observer | None = None,
    ) -> None:
        self.name = name
        chat = next(iter(chats.values()))
        self.system, self.policy = chat.system, chat.policy
        self.lanes = lanes
        self._chats, self._hosts = dict(chats), dict(hosts)
        self._follower, self._log, self._prompts = follower, log, prompts
        self._observer = observer or Observer()
        self._shadows: set[asyncio.Task[None]] = set()

    async def answer(self, turn: Turn, spent: Spent) -> Reply | Streamed:
        """Serve one turn. Forbidden where the release may not run, Blocked where a guard kept it back, ModelFailed and
        Unavailable where nobody answered; each names its decision.
        """
        release, lane = self.lanes.chosen()
        one = self._one(release, replace(turn, lane=lane))
        try:
            reply = await one.answer()
        except BaseException:
            spent(one.usage, one.cost)
            raise
        for shadow in self.lanes.listening(release):
            self._listen(shadow, one)
        if isinstance(reply, Streamed):
            return replace(reply, parts=paid(reply.parts, lambda: spent(one.usage, one.cost)))
        spent(one.usage, one.cost)
        return reply

    def upstreams(self) -> Iterator[Upstream]:
        """The servers that are asked."""
        return (host.upstream for host in self._hosts.values())

    def _one(self, release: str, turn: Turn) -> _One:
        follower = self._follower
        chat = replace(self._chats[release], admissions=follower.clearance, snapshot=follower.digest)
        prompted = self._prompts.of(follower.clearance, release)
        return _One(chat, self._hosts[release], self._log, turn, self._observer, prompted=prompted)

    def _listen(self, release: str, live: _One) -> None:
        """Let another release answer too, for comparison; nobody waits for it and nobody hears it.

        Those under way are bounded: one that is slow sees only some of the exchanges.
        """
        body = orjson.loads(live.sent) | {"stream": False}
        turn = replace(live.turn, body=body, lane=Lane.SHADOW, follows=live.decision)
        one = self._one(release, turn)

        async def listen() -> None:
            with suppress(HoldfastError):
                await one.answer()

        if len(self._shadows) >= MOST_SHADOWS:
            return
        task = asyncio.get_running_loop().create_task(listen())
        self._shadows.add(task)
        task.add_done_callback(self._shadows.discard)

    async def close(self) -> None:
        """Wait for shadows. The hosts are whoever's who opened them."""
        if self._shadows:
            await asyncio.wait(self._shadows, timeout=10)


class _One:
    """One turn on its way. `decision` is the id of its first decision, `usage` what it used so far."""

    def __init__(
        self,
        chat: Chat,
        host: Host,
        log: SegmentLog,
        turn: Turn,
        observer: Observer,
        *,
        prompted: tuple[str, Prompt | None],
    ) -> None:
        self._trip = observer.begin(turn.headers)
        self.turn = replace(turn, trace=self._trip.trace)
        self.sent = orjson.dumps(turn.body)
        self.decision = ""
        self.usage = Usage()
        self._chat, self._host, self._log, self._observer = chat, host, log, observer
        self._prompt_digest, self._prompt = prompted if turn.dialect.route is Route.CHAT else ("", None)
        self._heard: Heard | None = None
        self._tools: ToolTalk | None = None
        self._after: tuple[ArmedText, ...] = ()

    @property
    def cost(self) -> int:
        """What it cost, in millionths of the unit."""
        return self._host.price.of(self.usage)

    async def answer(self) -> Reply | Streamed:
        """As `Conversing.answer` says."""
        variables = {} if self._prompt is None else take_variables(self.turn.body)
        withheld = await beside(len(self.sent), self._about_tools, BESIDE)
        asked = await beside(len(self.sent), lambda: self.turn.dialect.asked(self.turn.body))
        self._prompted(variables)  # whatever is wrong with the request is said before anybody else hears of it
        slots = [*slots_of(variables), *asked]
        said = self._said(slots)
        heard = await beside(_length(slots), lambda: hear(self._chat, said), BESIDE)
        self._heard = heard = replace(heard, verdicts=withheld)
        self._trip.guarded = perf_counter()
        if not heard.is_let_on:
            return await self._kept_back(said, heard, Told(Ended.BLOCKED))
        prompt = self._spoken_before(variables)
        self._after = await beside(_length(slots), lambda: after(self._chat, said, prompt), BESIDE)
        for place, slot in enumerate(slots):
            slot.put(redact(slot.text, redactions(heard.remarks, place)))
        try:
            headers = self._trip.passed_on(self.turn.headers)
            hosted = await self._host.ask(self.turn.dialect, self._prompted(variables), headers)
            if hosted.status != 200:
                return await self._refused(said, heard, hosted)
            if hosted.is_stream and self._may_stream:
                return await self._streamed(said, heard, hosted)
            return await self._whole(said, heard, await hosted.whole())
        except HoldfastError as error:
            if not self.decision:
                self._trip.answered = perf_counter()
                await self._write(said, heard, Told(Ended.FAILED, reasons=(MODEL_FAILED,)))
            if isinstance(error, Unavailable | ModelFailed):
                kind = Unavailable if isinstance(error, Unavailable) else ModelFailed
                raise kind(error.code, error.message, self._which) from error
            raise

    def _spoken_before(self, variables: Json) -> tuple[Passage, ...]:
        """What the prompt says before the caller's own messages."""
        said = () if self._prompt is None else self._prompt.fill(variables)
        return tuple(Passage(role, text) for role, text in said)

    def _prompted(self, variables: Json) -> Json:
        """The request as the model gets it."""
        body, prompt = self.turn.body, self._prompt
        return body if prompt is None else self.turn.dialect.prompted(body, prompt.fill(variables))

    @property
    def _which(self) -> str:
        return f"Decision {self.decision}."

    @property
    def _may_stream(self) -> bool:
        """Whether an answer may be told piece by piece; from a host that does so unasked it is no answer."""
        return self.turn.body.get("stream") is True and self.turn.dialect.route is Route.CHAT

    @property
    def _named(self) -> tuple[bytes, bytes]:
        return b"holdfast-decision", self.decision.encode()

    def _said(self, slots: Sequence[Slot]) -> Said:
        turn = self.turn
        if _length(slots) > MOST_CHARACTERS:
            raise FixInput("request.too-long", f"It is longer than {MOST_CHARACTERS:,} characters.", "Send less.")
        if not slots and self._chat.before:
            raise FixInput("chat.unreadable", "It holds no text that a guard could read.", "Send text, not tokens.")
        facts: tuple[Field, ...] = (("dialect", turn.dialect.name), ("streamed", turn.body.get("stream") is True))
        facts = (*facts, ("prompt_digest", self._prompt_digest)) if self._prompt_digest else facts
        passages = tuple(slot.passage for slot in slots)
        return Said(passages, facts, turn.principal, turn.subject, turn.trace, turn.lane, turn.follows)

    def _about_tools(self) -> tuple[GuardVerdict, ...]:
        """Take out of the request the tools that the model shall not hear of; what the policy says of them."""
        policy, turn = self._chat.policy, self.turn
        if policy.tools is None or turn.dialect.route is not Route.CHAT:
            return ()
        self._tools = talk = ToolTalk(policy, policy.tools, Occasion(turn.task, turn.principals))
        withheld = talk.withheld(declared(turn.body))
        if withheld and talk.is_enforced:
            without(turn.body, withheld)
        talk.go_through(turn.dialect.steps(turn.body))
        return tuple(withheld.values())

    async def _write(self, said: Said, heard: Heard, told: Told) -> Decision:
        trip = self._trip
        trip.judged = perf_counter()
        decision = decision_of(self._chat, said, heard, told)
        await self._log.append_async([decision])
        trip.logged = perf_counter()
        self.decision = self.decision or decision.id
        if told.ended is not Ended.OPENED:
            self._tell(said, told)
        return decision

    def _tell(self, said: Said, told: Told) -> None:
        """Whoever watches hears of the turn, once it is over."""
        dialect, host = self.turn.dialect, self._host
        finish = str(dict(told.facts).get("finish") or "")
        generated = Generated(dialect.route, host.provider, host.model, host.where, self.usage, finish)
        about = turn_passed(
            self._chat,
            said,
            told.ended,
            remarks=(*(self._heard.remarks if self._heard else ()), *told.remarks),
            verdicts=(*(self._heard.verdicts if self._heard else ()), *told.verdicts),
            reasons=(*(self._heard.reasons if self._heard else ()), *told.reasons),
            decision=self.decision,
            generated=generated if self._trip.answered else None,
        )
        self._observer.passed(self._trip, about)

    async def _kept_back(self, said: Said, heard: Heard, told: Told) -> Reply | Streamed:
        """Guards keep the turn from the model, or its answer from the caller."""
        fallback = self._chat.policy.fallback if self.turn.dialect.route is Route.CHAT else None
        ended = Ended.BLOCKED if fallback is None else Ended.FALLBACK
        facts = ((FALLBACK, fallback),) if ended is Ended.FALLBACK else ()
        await self._write(said, heard, replace(told, ended=ended, facts=(*told.facts, *facts)))
        if ended is Ended.FALLBACK:
            return self._stand_in(str(fallback), heard)
        if is_kept_from(self._chat.policy, heard.reasons):
            raise Forbidden("gateway.not-released", "No release of this system may decide here now.", self._which)
        raise Blocked("gateway.blocked", "A guard kept this from the model, or its answer from you.", self._which)

    def _stand_in(self, text: str, heard: Heard) -> Reply | Streamed:
        dialect, body = self.turn.dialect, self.turn.body
        whole = dialect.standing_in(body, text, self.decision, int(heard.now.timestamp()))
        if body.get("stream") is not True:
            return Reply(200, orjson.dumps(whole), (*JSON, self._named))
        return Streamed((*EVENTS, self._named), _told(dialect.events_of(whole)))

    async def _refused(self, said: Said, heard: Heard, hosted: Hosted) -> Reply:
        """The upstream would not: where the request is wrong the caller hears why, as the upstream said it."""
        body = await hosted.body()
        self._trip.answered = perf_counter()
        await self._write(said, heard, Told(Ended.FAILED, reasons=(MODEL_FAILED, f"upstream-{hosted.status}")))
        if hosted.status in PASSED_BACK and self._prompt is not None:  # it may quote what only the model may hear
            what = f"The model's host refused the request with {hosted.status}."
            raise FixInput("upstream.status", what, self._which)
        if hosted.status in PASSED_BACK:
            return Reply(hosted.status, body, (*JSON, self._named))
        if hosted.status == 429:
            after = hosted.headers.get(b"retry-after", b"")
            seconds = int(after) if after.isdigit() and len(after) <= MOST_DIGITS else 1
            raise TooMany("upstream.busy", "The model's host has had too much.", self._which, seconds)
        raise ModelFailed("upstream.status", f"The model's host answered {hosted.status}.", self._which)

    async def _whole(self, said: Said, heard: Heard, answer: Json) -> Reply | Streamed:
        self._trip.answered = perf_counter()
        dialect, guards = self.turn.dialect, self._after
        if self._prompt is not None:
            without_prompt(answer)
        if guards:
            without_odds(answer)
        slots = dialect.answered(answer)
        passages = tuple(slot.passage for slot in slots)
        remarks = await beside(_length(slots), lambda: tuple(guard.read(passages) for guard in guards), BESIDE)
        self.usage = dialect.usage(answer) or _estimated(said.passages, passages)
        called = await beside(_length(slots), lambda: self._called(answer), BESIDE)
        told = Told(Ended.ANSWERED, (), remarks, _facts(self.usage, dialect.finish(answer)), verdicts=called)
        if max(enforced(remarks).rank, enforced_verdicts(called).rank) > Action.REDACT.rank:
            return await self._kept_back(said, heard, told)
        for place, slot in enumerate(slots):
            slot.put(redact(slot.text, redactions(remarks, place)))
        await self._write(said, heard, replace(told, passages=tuple(slot.passage for slot in slots)))
        return Reply(200, orjson.dumps(answer), (*JSON, self._named))

    def _called(self, answer: Json) -> tuple[GuardVerdict, ...]:
        """What the policy says of the tools that an answer calls."""
        if self._tools is None:
            return ()
        self._tools.answered(self.turn.dialect.called(answer))
        return self._tools.verdicts

    def _relay(self) -> Relay:
        dialect, talk = self.turn.dialect, self._tools
        calls = dialect.calls_told() if talk is not None else None
        held = HeldCalls(calls, talk) if calls is not None and talk is not None else None
        hides = without_prompt if self._prompt is not None else None
        return Relay(dialect.stream(self.turn.body), self._after, held, hides)

    async def _streamed(self, said: Said, heard: Heard, hosted: Hosted) -> Streamed:
        try:
            opened = await self._write(said, heard, Told(Ended.OPENED))
        except BaseException:
            hosted.close()
            raise
        return Streamed((*EVENTS, self._named), self._parts(said, heard, hosted, opened))

    async def _parts(self, said: Said, heard: Heard, hosted: Hosted, opened: Decision) -> AsyncGenerator[bytes]:
        """The stream; its end is in the log before its last event is out, however it ends."""
        relay = self._relay()
        reason, out = WENT_AWAY, list[Event]()
        try:
            async for event in hosted.events():
                out = relay.take(event)
                if relay.is_over:
                    break
                for each in out:
                    yield bytes(each)
            else:
                out = relay.end()
            reason = ""
        except HoldfastError as error:
            reason = MODEL_FAILED
            out = [self.turn.dialect.error_event(502, error.code, f"{error.message} {self._which}")]
        finally:
            if reason or relay.ended is not Ended.ANSWERED:
                hosted.close()
            await self._close(said, rest_of(said, heard, opened), relay, reason)
        try:
            for each in out:
                yield bytes(each)
            await hosted.drain()
        finally:
            hosted.close()

    async def _close(self, said: Said, rest: tuple[Said, Heard], relay: Relay, reason: str) -> None:
        """Log how a stream ended."""
        self._trip.answered = perf_counter()
        passages = await beside(relay.size, lambda: relay.passages)
        self.usage = relay.stream.usage or _estimated(said.passages, passages)
        told = Told(
            Ended.FAILED if reason == MODEL_FAILED else relay.ended,
            passages,
            relay.remarks,
            _facts(self.usage, relay.stream.finish),
            (reason,) if reason else (),
            self._tools.verdicts if self._tools else (),
        )
        await self._write(*rest, told)


def _length(slots: Sequence[Slot]) -> int:
    return sum(len(slot.text) for slot in slots)


def _estimated(asked: Sequence[Passage], answered: Sequence[Passage]) -> Usage:
    """Tokens where the upstream does not count them: one for each four bytes, so that no budget is left out."""
    asked_bytes, answered_bytes = (sum(len(p.text.encode()) for p in passages) for passages in (asked, answered))
    return Usage(-(-asked_bytes // 4), -(-answered_bytes // 4), is_estimated=True)


def _facts(usage: Usage, finish: str) -> tuple[Field, ...]:
    counted = (("tokens_asked", usage.asked), ("tokens_answered", usage.answered))
    return (*counted, ("tokens_estimated", usage.is_estimated), ("finish", finish or None))


async def _told(events: Sequence[Event]) -> AsyncGenerator[bytes]:
    for event in events:
        yield bytes(event)


async def paid(parts: AsyncGenerator[bytes], pay: Callable[[], None]) -> AsyncGenerator[bytes]:
    """The same parts; paid for once they are told, however that ends."""
    try:
        async for part in parts:
            yield part
    finally:
        await parts.aclose()
        pay()
