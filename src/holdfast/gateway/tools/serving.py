"""One served server of tools: what its clients hear of, which calls are made, and what is logged before they are.

A call is logged twice: that it is about to be made, before the server hears of it, and how it ended, before the client
does. One that is not made is logged once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Protocol

from holdfast.decisions.log import SegmentLog
from holdfast.domain.decision import Decision, Ended
from holdfast.domain.errors import Absent, FixInput, Forbidden, HoldfastError, Unavailable
from holdfast.domain.guard import Action, GuardVerdict, Mode
from holdfast.domain.guard import enforced as enforced_verdicts
from holdfast.domain.tool import ToolPolicy
from holdfast.flows.converse import Chat, Heard, Said, Told, decision_of, hear, rest_of
from holdfast.flows.exchange import MODEL_FAILED, is_kept_from
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.access.lanes import Lanes
from holdfast.gateway.dialects.contract import Json, Slot, objects
from holdfast.gateway.http.beside import beside
from holdfast.gateway.http.connection import Headers
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.observe.passed import turn_passed
from holdfast.gateway.tools.approvals import Approvals, Standing
from holdfast.gateway.tools.conversations import Conversation, Session
from holdfast.gateway.tools.host import ToolHost
from holdfast.gateway.tools.rpc import NO_METHOD, failure, is_answer, object_in, refusal, texts
from holdfast.guards.armed_text import ArmedText, Remark, enforced, redactions
from holdfast.guards.passages import redact
from holdfast.guards.tools.declared import digest_of, name_of
from holdfast.guards.tools.judge import Occasion, follow, gravest, judge, why_withheld
from holdfast.guards.tools.steps import Call, Result, read_arguments

BESIDE = 50_000
MOST_CHARACTERS = 4_000_000
MOST_PAGES = 50
LIST, CALL = "tools/list", "tools/call"
OPENING = ("initialize", "server/discover")
FREE = (*OPENING, "ping", "logging/setLevel")
"""Requests that let nothing in or out but what the server says of itself."""

READS = {"resources/read": "resources/read", "prompts/get": "prompts/get"}
READS |= {
    "resources/list": "resources/read",
    "resources/templates/list": "resources/read",
    "prompts/list": "prompts/get",
}
"""Other requests, and the tool as which a policy allows them."""

ASKS_BACK = ("sampling", "elicitation", "roots", "tasks", "extensions", "experimental")
"""What a client says that a server may ask of it: that would reach the client's model past every guard."""

NOTICES = ("notifications/progress", "notifications/message", "notifications/tools/list_changed")
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"


class Exchanging(Protocol):
    """A way to the server for one message."""

    def ask(self, message: Json, *, is_redacted: bool = False) -> AsyncGenerator[Json]:
        """The messages that answer one, the answer itself last."""

    async def ask_aside(self, message: Json) -> Json:
        """The answer to a question of the gateway's own, in the same session."""


@dataclass(frozen=True, slots=True, eq=False)
class Asking:
    """One request of a client. `principals` is what the credential that asks is called, `stand_in` whom a call is about
    that waits for a person, where nobody is named.
    """

    message: Json
    session: Session
    conversation: Conversation
    principal: str
    principals: tuple[str, ...] = ()
    subject: str = ""
    stand_in: str = ""
    task: str = ""
    headers: Headers | tuple[()] = ()
    spent: Callable[[int], None] = lambda _money: None

    @property
    def occasion(self) -> Occasion:
        """As the policy sees it."""
        return Occasion(self.task, self.principals, self.session.declared)


class ToolServing:
    """A server of tools under its `name`. `chats` (how it is guarded) and `hosts` are by release digest."""

    def __init__(
        self,
        name: str,
        chats: Mapping[str, Chat],
        hosts: Mapping[str, ToolHost],
        lanes: Lanes,
        tools: ToolPolicy,
        *,
        follower: Follower,
        log: SegmentLog,
        approvals: Approvals,
        observer: Observer,
    ) -> None:
        self.name, self.lanes, self.tools = name, lanes, tools
        chat = next(iter(chats.values()))
        self.system, self.policy = chat.system, chat.policy
        self.hosts = dict(hosts)
        self._chats = dict(chats)
        self._follower, self._log, self._approvals, self._observer = follower, log, approvals, observer
        self._alerted: set[str] = set()

    def upstreams(self) -> Iterator[Upstream]:
        """The servers that are asked."""
        return (host.upstream for host in self.hosts.values())

    async def close(self) -> None:
        """The hosts are whoever's who opened them."""

    def chat(self, release: str) -> Chat:
        """How a release is guarded, by what is cleared now."""
        follower = self._follower
        return replace(self._chats[release], admissions=follower.clearance, snapshot=follower.digest)

    async def answer(self, asking: Asking, way: Exchanging) -> AsyncGenerator[Json]:
        """The messages that answer a request, the answer itself last. Raises where the server does not answer."""
        message = asking.message
        method, id = str(message.get("method")), message.get("id")
        if method == CALL:
            params = object_in(message, "params")
            given = params.get("arguments")
            call = Call(str(id), str(params.get("name") or ""), read_arguments({} if given is None else given))
            called = _Called(self, asking, call, "arguments")
        elif method in READS and self._may(READS[method]):
            said = {name: value for name, value in object_in(message, "params").items() if name != "_meta"}
            called = _Called(self, asking, Call(str(id), READS[method], said), "")
        elif method in FREE or method == LIST:
            self._require_release(asking)
            async with aclosing(way.ask(_without_asking_back(message))) as messages:
                async for told in messages:
                    if is_answer(told):
                        told["id"] = id
                        yield await self._listed(asking, told) if method == LIST else self._opened(told)
            return
        else:
            yield failure(id, NO_METHOD, "The policy does not allow this.", "mcp.method")
            return
        if self._is_unknown(asking, call := called.call):
            await self._look(asking, way, call)
        async for told in called.answer(way):
            yield told

    def _require_release(self, asking: Asking) -> None:
        """What a server says of itself is read by models, too: from one that may not run it is not passed on."""
        chat = self.chat(asking.session.release)
        if is_kept_from(chat.policy, chat.reasons(chat.clock())):
            raise Forbidden("gateway.not-released", "No release of these tools may run here now.")

    def _may(self, tool: str) -> bool:
        return self.tools.terms(tool) is not None or self.tools.mode is Mode.SHADOW

    def _is_unknown(self, asking: Asking, call: Call) -> bool:
        terms = self.tools.terms(call.tool)
        return terms is not None and bool(terms.pinned) and call.tool not in asking.session.declared

    async def _look(self, asking: Asking, way: Exchanging, call: Call) -> None:
        """Ask what a pinned tool says of itself where this session never heard."""
        meta = object_in(object_in(asking.message, "params"), "_meta")
        params: Json = {"_meta": {name: value for name, value in meta.items() if name != "progressToken"}}
        for page in range(MOST_PAGES):
            listing = {"jsonrpc": "2.0", "id": f"holdfast-{page}", "method": LIST, "params": params}
            told = await way.ask_aside(_without_asking_back(listing))
            await self._listed(asking, told)
            cursor = object_in(told, "result").get("nextCursor")
            if call.tool in asking.session.declared or not isinstance(cursor, str):
                return
            params = {**params, "cursor": cursor}

    def _opened(self, told: Json) -> Json:
        """What a server says of itself as a session begins. Its instructions are a prompt that nobody pinned."""
        result = object_in(told, "result")
        if "instructions" in result and (self.tools.pin or not self._is_clean(result, "instructions")):
            del result["instructions"]
        return told

    async def _listed(self, asking: Asking, told: Json) -> Json:
        """A list of tools without those that the client shall not hear of."""
        result = object_in(told, "result")
        offered = objects(result.get("tools"))
        for tool in offered:
            asking.session.declared[name_of(tool)] = digest_of(tool)
        if "tools" in result:
            kept = [tool for tool in offered if not self._is_withheld(asking, tool)]
            result["tools"] = kept if self.tools.mode is Mode.ENFORCE else offered
        return told

    def _is_withheld(self, asking: Asking, tool: Json) -> bool:
        name, digest = name_of(tool), digest_of(tool)
        verdict = why_withheld(self.tools, name, digest, asking.occasion)
        terms = self.tools.terms(name)
        if terms is not None and terms.pinned not in ("", digest):
            self._alert(f"{name} {digest}", "mcp.tool-changed", "What a tool says of itself is not what was pinned.")
        if verdict is not None:
            return True
        if not self._is_clean({"": tool}, ""):
            self._alert(f"{name} {digest}", "mcp.tool-suspect", "A guard wants what a tool says of itself kept back.")
            return True
        return False

    def _is_clean(self, node: Json, key: str) -> bool:
        passages = [slot.passage for slot in texts(node, key, "tool")]
        remarks = [guard.read(passages) for guard in next(iter(self._chats.values())).after]
        return enforced(remarks) is Action.ALLOW

    def _alert(self, what: str, code: str, message: str) -> None:
        if what not in self._alerted and len(self._alerted) < MOST_CHARACTERS:
            self._alerted.add(what)
            self._observer.state(code, message, system=self.system)


class _Called:
    """One call on its way."""

    def __init__(self, serving: ToolServing, asking: Asking, call: Call, key: str) -> None:
        self.call = call
        self._serving, self._asking = serving, asking
        self._chat = serving.chat(asking.session.release)
        self._trip = serving._observer.begin(asking.headers)
        self._id = asking.message.get("id")
        params = {"params": object_in(asking.message, "params")}
        holder, name = (params["params"], key) if key else (params, "params")
        self._slots = [*texts(holder, name, "assistant", files=False)] if name in holder else []
        self._is_redacted = False
        facts = (("dialect", "mcp"), ("tool", call.tool[:128]))
        passages = tuple(slot.passage for slot in self._slots)
        self._said = Said(passages, facts, asking.principal, asking.subject, self._trip.trace)
        self._decision = ""

    async def answer(self, way: Exchanging) -> AsyncGenerator[Json]:
        """The messages that answer it."""
        if _length(self._slots) > MOST_CHARACTERS:
            raise FixInput("request.too-long", f"It is longer than {MOST_CHARACTERS:,} characters.", "Send less.")
        heard = await beside(_length(self._slots), lambda: hear(self._chat, self._said), BESIDE)
        self._trip.guarded = perf_counter()
        verdicts, waits = await self._judged()
        heard = replace(heard, verdicts=verdicts)
        wanted = max(heard.action, enforced_verdicts(verdicts), key=lambda action: action.rank)
        if wanted is Action.REVIEW:
            yield await self._held(heard, waits)
            return
        if not heard.is_let_on or wanted.rank > Action.REDACT.rank:
            await self._write(heard, Told(Ended.BLOCKED))
            yield refusal(self._id, f"The policy does not let this call be made. {self._which}")
            return
        price = self._count()
        for place, slot in enumerate(self._slots):
            spans = redactions(heard.remarks, place)
            slot.put(redact(slot.text, spans))
            self._is_redacted |= bool(spans)
        opened = await self._write(heard, Told(Ended.OPENED))
        try:
            async for told in self._made(way, *rest_of(self._said, heard, opened)):
                yield told
        finally:
            self._asking.spent(price)

    async def _judged(self) -> tuple[tuple[GuardVerdict, ...], str]:
        """What the policy says, with what a person said of it; and the decision under which it waits, if it does.

        Judged anew once people were asked, since other calls may have been made meanwhile.
        """
        serving, standing, decision = self._serving, Standing.UNASKED, ""
        if gravest(self._verdicts()) is Action.REVIEW:
            standing, decision = await serving._approvals.standing(self._asking.principal, serving.name, self.call)
        verdicts = self._verdicts()
        is_approved = standing is Standing.APPROVED and gravest(verdicts) is Action.REVIEW
        if is_approved and serving._approvals.use(self._asking.principal, serving.name, self.call):
            return tuple(_reviewed(one, Action.FLAG, "a person approved it") for one in verdicts), ""
        if standing is Standing.REFUSED:
            return tuple(_reviewed(one, Action.BLOCK, "a person did not approve it") for one in verdicts), ""
        return verdicts, decision if standing is Standing.WAITING else ""

    def _verdicts(self) -> tuple[GuardVerdict, ...]:
        asking = self._asking
        return judge(self._serving.tools, asking.conversation.course, self.call, asking.occasion)

    def _count(self) -> int:
        follow(self._serving.tools, self._asking.conversation.course, self.call)
        terms = self._serving.tools.terms(self.call.tool)
        return terms.price if terms else 0

    async def _held(self, heard: Heard, waits: str) -> Json:
        """Let it wait for a person, unless it does so already."""
        if not waits:
            self._said = replace(self._said, subject=self._said.subject or self._asking.stand_in)
            decision = await self._write(heard, Told(Ended.REVIEW))
            await self._serving._approvals.hold(self._serving.name, self.call, decision, self._chat.policy)
            waits = decision.id
        hint = "Make the same call again once it is approved."
        return refusal(self._id, f"A person has to approve this call first. {hint} Decision {waits}.")

    async def _made(self, way: Exchanging, said: Said, heard: Heard) -> AsyncGenerator[Json]:
        answered: Json | None = None
        try:
            message = _without_asking_back(self._asking.message)
            async with aclosing(way.ask(message, is_redacted=self._is_redacted)) as messages:
                async for told in messages:
                    if is_answer(told):
                        answered = told
                    elif told.get("method") in NOTICES and "id" not in told and self._is_harmless(told):
                        yield told
        except HoldfastError as error:
            self._trip.answered = perf_counter()
            await self._write(heard, Told(Ended.FAILED, reasons=(MODEL_FAILED,)), said)
            kind = Absent if isinstance(error, Absent) else Unavailable
            raise kind(error.code, error.message, self._which) from error
        self._trip.answered = perf_counter()
        if answered is not None:
            yield await self._told(answered, said, heard)

    async def _told(self, told: Json, said: Said, heard: Heard) -> Json:
        """What the client hears of the answer."""
        guards, name = self._chat.after, "result" if "result" in told else "error"
        slots = list(texts(told, name, "tool"))
        remarks = await beside(_length(slots), lambda: _read(guards, slots), BESIDE)
        told["id"] = self._id
        if (
            object_in(told, "result").get("resultType") == "input_required"
            or enforced(remarks).rank > Action.REDACT.rank
        ):
            await self._write(heard, Told(Ended.BLOCKED, remarks=remarks), said)
            return refusal(self._id, f"What the tool answered is kept back. {self._which}")
        for place, slot in enumerate(slots):
            slot.put(redact(slot.text, redactions(remarks, place)))
        content = "\n".join(slot.text for slot in slots)
        result = Result(self.call.id, content, self.call.tool)
        course = self._asking.conversation.course
        await beside(len(content), lambda: follow(self._serving.tools, course, result), BESIDE)
        passages = tuple(slot.passage for slot in slots)
        await self._write(heard, Told(Ended.ANSWERED, passages, remarks), said)
        return told

    def _is_harmless(self, notice: Json) -> bool:
        """What a tool says while it works is untrusted like its result, and reaches logs and eyes."""
        slots = list(texts(notice, "params", "tool")) if "params" in notice else []
        return enforced(_read(self._chat.after, slots)) is Action.ALLOW

    @property
    def _which(self) -> str:
        return f"Decision {self._decision}."

    async def _write(self, heard: Heard, told: Told, said: Said | None = None) -> Decision:
        self._trip.judged = perf_counter()
        decision = decision_of(self._chat, said or self._said, heard, told)
        await self._serving._log.append_async([decision])
        self._trip.logged = perf_counter()
        self._decision = self._decision or decision.id
        if told.ended is not Ended.OPENED:
            about = turn_passed(
                self._chat,
                said or self._said,
                told.ended,
                remarks=(*heard.remarks, *told.remarks),
                verdicts=heard.verdicts,
                reasons=(*heard.reasons, *told.reasons),
                decision=self._decision,
                generated=None,
            )
            self._serving._observer.passed(self._trip, about)
        return decision


def _reviewed(verdict: GuardVerdict, action: Action, because: str) -> GuardVerdict:
    if verdict.action is not Action.REVIEW:
        return verdict
    return replace(verdict, action=action, because=f"{verdict.because}; {because}")


def _read(guards: Sequence[ArmedText], slots: Sequence[Slot]) -> tuple[Remark, ...]:
    passages = [slot.passage for slot in slots]
    return tuple(guard.read(passages) for guard in guards)


def _length(slots: Sequence[Slot]) -> int:
    return sum(len(slot.text) for slot in slots)


def _without_asking_back(message: Json) -> Json:
    """The message, in which the client offers nothing that a server could ask of it."""
    params = object_in(message, "params")
    for holder, name in ((params, "capabilities"), (object_in(params, "_meta"), CAPABILITIES)):
        offered = object_in(holder, name)
        for asked in ASKS_BACK:
            offered.pop(asked, None)
    return message
