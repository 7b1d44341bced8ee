"""A chat under attack: asked once to see that it answers, then probe by probe. It has no table and no baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from holdfast.domain.errors import HoldfastError
from holdfast.domain.schema import Task
from holdfast.domain.watch import Baseline
from holdfast.flows.attack import Attack
from holdfast.monitors.contract import MonitorSpec
from holdfast.probes.contract import ProbeSpec
from holdfast.releases.chat import ChatJob, ChatPlan, ChatRelease, read_chat
from holdfast.targets.chat import describe_chat


@dataclass(frozen=True)
class ChatAttack(Attack):
    """A model of language under attack, with what it is deployed with."""

    @cached_property
    def chat(self) -> ChatRelease:
        """The chat and the files that its manifest names."""
        return read_chat(self.request.release)

    @cached_property
    def known(self) -> ChatPlan:
        """What is known of it, after one small question."""
        spec = self.chat.spec
        plan = ChatPlan(bool(spec.system), bool(spec.tools), bool(spec.canary))
        self.watcher.doing("asking the chat whether it answers")
        try:
            return replace(plan, protections=describe_chat(spec))
        except HoldfastError as error:
            return replace(plan, failed=error.message, hint=error.hint)

    @property
    def schema(self) -> None:
        """It has none."""
        return

    @property
    def task(self) -> Task:
        """A chat."""
        return Task.CHAT

    def baseline(self, monitors: tuple[MonitorSpec, ...]) -> Baseline | None:  # noqa: ARG002 - as of tables
        """None: there are no columns to count."""
        return None

    def _job(self, spec: ProbeSpec) -> ChatJob:
        manifest = self.request.release.manifest
        return ChatJob(
            probe=spec.id,
            plugins=self.settings.plugins,
            effort=self.request.effort,
            overrides=self.request.overrides(spec),
            seed=manifest.seed,
            digest=self.digest,
            spec=self.chat.spec,
            policy=self.chat.policy,
            through=self.chat.through,
            currency=manifest.system.currency,
            seconds=self.settings.probe_seconds,
            progress=self.watcher.progress / spec.id if self.watcher.progress else None,
        )
