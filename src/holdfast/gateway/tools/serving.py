"""One served server of tools: its releases, where each of them is, and how they are guarded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from holdfast.decisions.log import SegmentLog
from holdfast.domain.tool import ToolPolicy
from holdfast.flows.converse import Chat
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.access.lanes import Lanes
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.tools.approvals import Approvals
from holdfast.gateway.tools.guarded import GuardedTools
from holdfast.gateway.tools.host import ToolHost


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
        self.name, self.lanes, self.hosts, self.tools = name, lanes, dict(hosts), tools
        chat = next(iter(chats.values()))
        self.system, self.policy = chat.system, chat.policy
        self._chats, self._follower = dict(chats), follower
        self.guarded = GuardedTools(name, self._chat, tools, log=log, approvals=approvals, observer=observer)

    def _chat(self, release: str) -> Chat:
        """How a release is guarded, by what is cleared now."""
        follower = self._follower
        return replace(self._chats[release], admissions=follower.clearance, snapshot=follower.digest)

    def upstreams(self) -> Iterator[Upstream]:
        """The servers that are asked."""
        return (host.upstream for host in self.hosts.values())

    async def close(self) -> None:
        """The hosts are whoever's who opened them."""
