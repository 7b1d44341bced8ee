"""The tools of one exchange with a model of language: which it hears of, and which of its calls get out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from holdfast.domain.guard import Action, GuardVerdict, Mode, enforced
from holdfast.domain.policy import Policy, Unanswered
from holdfast.domain.tool import ToolPolicy
from holdfast.guards.tools.judge import Occasion, begun, follow, judge, why_withheld
from holdfast.guards.tools.steps import Call, Step


class ToolTalk:
    """What a policy says of the tools in one exchange; the conversation so far comes with the request.

    `verdicts` are those on calls in the answer. Nobody reviews conversations: where a call would wait for a person,
    what the policy says of no answer stands at once.
    """

    def __init__(self, policy: Policy, tools: ToolPolicy, occasion: Occasion) -> None:
        self.verdicts: tuple[GuardVerdict, ...] = ()
        self._policy, self._occasion = tools, occasion
        self._instead = Action.FLAG if policy.unanswered is Unanswered.ANSWER else Action.BLOCK
        self._course = begun(tools)
        self._seen: set[tuple[str, bytes]] = set()

    @property
    def is_enforced(self) -> bool:
        """Whether anything is kept back."""
        return self._policy.mode is Mode.ENFORCE

    @property
    def action(self) -> Action:
        """The gravest enforced action so far."""
        return enforced(self.verdicts)

    def withheld(self, declared: Mapping[str, str]) -> dict[str, GuardVerdict]:
        """Of the tools that are declared (digests by name), those that the model shall not hear of."""
        self._occasion = replace(self._occasion, declared=declared)
        found = ((tool, why_withheld(self._policy, tool, digest, self._occasion)) for tool, digest in declared.items())
        return {tool: verdict for tool, verdict in found if verdict is not None}

    def go_through(self, steps: Iterable[Step]) -> None:
        """Take in what was said and called before."""
        for step in steps:
            follow(self._policy, self._course, step)

    def answered(self, steps: Iterable[Step]) -> None:
        """Judge the calls in an answer, in order; one that is told twice is one."""
        for step in steps:
            if isinstance(step, Call):
                told = step.id, step.key
                if step.id and told in self._seen:
                    continue
                self._seen.add(told)
                self.verdicts += tuple(map(self._stands, judge(self._policy, self._course, step, self._occasion)))
            follow(self._policy, self._course, step)

    def _stands(self, verdict: GuardVerdict) -> GuardVerdict:
        return replace(verdict, action=self._instead) if verdict.action is Action.REVIEW else verdict
