"""A guarded server of tools: what its clients hear of, which calls are made, and what is logged before they are.

A call is logged twice: that it is about to be made, before the server hears of it, and how it ended, before the client
does. One that is not made is logged once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from holdfast.decisions.log import SegmentLog
from holdfast.domain.errors import Forbidden
from holdfast.domain.guard import Action, Mode
from holdfast.domain.tool import ToolPolicy
from holdfast.flows.converse import Chat, Said, on_results
from holdfast.flows.exchange import is_kept_from
from holdfast.gateway.dialects.contract import Json, objects
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.tools.approvals import Approvals
from holdfast.gateway.tools.asking import Asking, Exchanging, read_all, without_asking_back
from holdfast.gateway.tools.calling import Called
from holdfast.gateway.tools.rpc import NO_METHOD, failure, is_answer, object_in, texts
from holdfast.guards.armed_text import enforced
from holdfast.guards.tools.declared import digest_of, name_of
from holdfast.guards.tools.judge import why_withheld
from holdfast.guards.tools.steps import Call, read_arguments

MOST_ALERTS = 100_000
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


class GuardedTools:
    """A server of tools under its `name`. `chat` says how a release is guarded, by what may run now.

    Without `approvals` nobody can be asked: what is to wait for a person is not made.
    """

    def __init__(
        self,
        name: str,
        chat: Callable[[str], Chat],
        tools: ToolPolicy,
        *,
        log: SegmentLog,
        approvals: Approvals | None,
        observer: Observer,
    ) -> None:
        self.name, self.tools, self.chat = name, tools, chat
        self.log, self.approvals, self.observer = log, approvals, observer
        self._alerted: set[str] = set()

    async def answer(self, asking: Asking, way: Exchanging) -> AsyncGenerator[Json]:
        """The messages that answer a request, the answer itself last. Raises where the server does not answer."""
        message = asking.message
        method, id = str(message.get("method")), message.get("id")
        if method == CALL:
            params = object_in(message, "params")
            given = params.get("arguments")
            call = Call(str(id), str(params.get("name") or ""), read_arguments({} if given is None else given))
            called = Called(self, asking, call, "arguments")
        elif method in READS and self._may(READS[method]):
            said = {name: value for name, value in object_in(message, "params").items() if name != "_meta"}
            called = Called(self, asking, Call(str(id), READS[method], said), "")
        elif method in FREE or method == LIST:
            self._require_release(asking)
            async with aclosing(way.ask(without_asking_back(message))) as messages:
                async for told in messages:
                    if is_answer(told):
                        told["id"] = id
                        yield await self._listed(asking, told) if method == LIST else self._opened(asking, told)
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
            told = await way.ask_aside(without_asking_back(listing))
            await self._listed(asking, told)
            cursor = object_in(told, "result").get("nextCursor")
            if call.tool in asking.session.declared or not isinstance(cursor, str):
                return
            params = {**params, "cursor": cursor}

    def _opened(self, asking: Asking, told: Json) -> Json:
        """What a server says of itself as a session begins. Its instructions are a prompt that nobody pinned."""
        result = object_in(told, "result")
        if self.tools.mode is Mode.SHADOW or "instructions" not in result:
            return told
        if self.tools.pin or not self._is_clean(asking, result, "instructions"):
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
            self._alert(
                asking, f"{name} {digest}", "mcp.tool-changed", "What a tool says of itself is not what was pinned."
            )
        if verdict is not None:
            return True
        if not self._is_clean(asking, {"": tool}, ""):
            self._alert(
                asking, f"{name} {digest}", "mcp.tool-suspect", "A guard wants what a tool says of itself kept back."
            )
            return True
        return False

    def _is_clean(self, asking: Asking, node: Json, key: str) -> bool:
        guards = on_results(self.chat(asking.session.release), Said((), (), asking.principal, asking.subject))
        return enforced(read_all(guards, list(texts(node, key, "tool")))) is Action.ALLOW

    def _alert(self, asking: Asking, what: str, code: str, message: str) -> None:
        if what not in self._alerted and len(self._alerted) < MOST_ALERTS:
            self._alerted.add(what)
            self.observer.state(code, message, system=asking.system)
