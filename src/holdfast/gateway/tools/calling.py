"""One call of a tool: judged, logged before it is made, and its result read before anybody hears it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from holdfast.domain.decision import Decision, Ended
from holdfast.domain.errors import Absent, FixInput, HoldfastError, Unavailable
from holdfast.domain.guard import Action, GuardVerdict
from holdfast.domain.guard import enforced as enforced_verdicts
from holdfast.flows.converse import Heard, Said, Told, decision_of, hear, on_results, rest_of
from holdfast.flows.exchange import MODEL_FAILED
from holdfast.gateway.dialects.contract import Json, Slot
from holdfast.gateway.http.beside import beside
from holdfast.gateway.observe.passed import turn_passed
from holdfast.gateway.tools.approvals import Standing
from holdfast.gateway.tools.asking import Asking, Exchanging, read_all, without_asking_back
from holdfast.gateway.tools.rpc import is_answer, object_in, refusal, texts
from holdfast.guards.armed_text import ArmedText, enforced, redactions
from holdfast.guards.passages import redact
from holdfast.guards.tools.judge import follow, gravest, judge
from holdfast.guards.tools.steps import Call, Result

if TYPE_CHECKING:
    from holdfast.gateway.tools.guarded import GuardedTools

BESIDE = 50_000
MOST_CHARACTERS = 4_000_000
NOTICES = ("notifications/progress", "notifications/message", "notifications/tools/list_changed")


class Called:
    """One call on its way."""

    def __init__(self, tools: GuardedTools, asking: Asking, call: Call, key: str) -> None:
        self.call = call
        self._tools, self._asking = tools, asking
        self._chat = tools.chat(asking.session.release)
        self._trip = tools.observer.begin(asking.headers)
        self._id = asking.message.get("id")
        params = {"params": object_in(asking.message, "params")}
        holder, name = (params["params"], key) if key else (params, "params")
        self._slots = [*texts(holder, name, "assistant", files=False)] if name in holder else []
        self._is_redacted = False
        self._after: tuple[ArmedText, ...] = ()
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
        self._after = on_results(self._chat, self._said)
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
        tools, standing, decision = self._tools, Standing.UNASKED, ""
        if gravest(self._verdicts()) is Action.REVIEW:
            if tools.approvals is None:
                return tuple(_reviewed(one, Action.BLOCK, "nobody can be asked") for one in self._verdicts()), ""
            standing, decision = await tools.approvals.standing(self._asking.principal, tools.name, self.call)
        verdicts = self._verdicts()
        is_approved = standing is Standing.APPROVED and gravest(verdicts) is Action.REVIEW
        if is_approved and tools.approvals and tools.approvals.use(self._asking.principal, tools.name, self.call):
            return tuple(_reviewed(one, Action.FLAG, "a person approved it") for one in verdicts), ""
        if standing is Standing.REFUSED:
            return tuple(_reviewed(one, Action.BLOCK, "a person did not approve it") for one in verdicts), ""
        return verdicts, decision if standing is Standing.WAITING else ""

    def _verdicts(self) -> tuple[GuardVerdict, ...]:
        asking = self._asking
        return judge(self._tools.tools, asking.conversation.course, self.call, asking.occasion)

    def _count(self) -> int:
        follow(self._tools.tools, self._asking.conversation.course, self.call)
        terms = self._tools.tools.terms(self.call.tool)
        return terms.price if terms else 0

    async def _held(self, heard: Heard, waits: str) -> Json:
        """Let it wait for a person, unless it does so already."""
        if not waits and self._tools.approvals is not None:
            self._said = replace(self._said, subject=self._said.subject or self._asking.stand_in)
            decision = await self._write(heard, Told(Ended.REVIEW))
            await self._tools.approvals.hold(self._tools.name, self.call, decision, self._chat.policy)
            waits = decision.id
        hint = "Make the same call again once it is approved."
        return refusal(self._id, f"A person has to approve this call first. {hint} Decision {waits}.")

    async def _made(self, way: Exchanging, said: Said, heard: Heard) -> AsyncGenerator[Json]:
        answered: Json | None = None
        try:
            message = without_asking_back(self._asking.message)
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
        guards, name = self._after, "result" if "result" in told else "error"
        slots = list(texts(told, name, "tool"))
        remarks = await beside(_length(slots), lambda: read_all(guards, slots), BESIDE)
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
        await beside(len(content), lambda: follow(self._tools.tools, course, result), BESIDE)
        passages = tuple(slot.passage for slot in slots)
        await self._write(heard, Told(Ended.ANSWERED, passages, remarks), said)
        return told

    def _is_harmless(self, notice: Json) -> bool:
        """What a tool says while it works is untrusted like its result, and reaches logs and eyes."""
        slots = list(texts(notice, "params", "tool")) if "params" in notice else []
        return enforced(read_all(self._after, slots)) is Action.ALLOW

    @property
    def _which(self) -> str:
        return f"Decision {self._decision}."

    async def _write(self, heard: Heard, told: Told, said: Said | None = None) -> Decision:
        self._trip.judged = perf_counter()
        decision = decision_of(self._chat, said or self._said, heard, told)
        await self._tools.log.append_async([decision])
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
            self._tools.observer.passed(self._trip, about)
        return decision


def _reviewed(verdict: GuardVerdict, action: Action, because: str) -> GuardVerdict:
    if verdict.action is not Action.REVIEW:
        return verdict
    return replace(verdict, action=action, because=f"{verdict.because}; {because}")


def _length(slots: Sequence[Slot]) -> int:
    return sum(len(slot.text) for slot in slots)
