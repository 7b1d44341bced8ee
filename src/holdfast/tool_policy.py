"""The part of a policy about tools, as people write it."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from holdfast.documents import Section
from holdfast.domain.guard import Action, Mode
from holdfast.domain.tool import EFFECTS, FLOWS, RESULTS, ArgumentTerms, FlowRule, Label, Task, ToolPolicy, ToolTerms

Scalar = bool | int | float | str
MICROS = 1_000_000
ACTIONS = (Action.FLAG, Action.REVIEW, Action.BLOCK)


class ArgumentSection(Section):
    """What one argument may be."""

    one_of: list[Scalar] = []
    hosts: list[str] = []
    pattern: str = ""
    shortest: int | None = Field(default=None, ge=0)
    longest: int | None = Field(default=None, ge=0)
    least: float | None = None
    most: float | None = None
    needed: bool = False

    @field_validator("pattern")
    @classmethod
    def _can_be_read(cls, pattern: str) -> str:
        if pattern:
            import re2

            try:
                re2.compile(pattern)
            except re2.error as error:
                raise ValueError(f"RE2 cannot read it: {error}") from error
        return pattern

    def record(self, path: str) -> ArgumentTerms:
        """The domain record."""
        hosts = tuple(host.lower() for host in self.hosts)
        limits = {name: getattr(self, name) for name in ("pattern", "shortest", "longest", "least", "most", "needed")}
        return ArgumentTerms(path, tuple(self.one_of), hosts, **limits)


class ToolSection(Section):
    """How one tool may be used; `price` is in units."""

    pinned: str = Field(default="", pattern=r"^(sha256:[0-9a-f]{64})?$")
    results: list[Label] = []
    does: list[Label] = []
    arguments: dict[str, ArgumentSection] = {}
    only: bool = False
    calls: int | None = Field(default=None, ge=1)
    price: float = Field(default=0.0, ge=0)
    action: Action = Action.ALLOW
    inside: dict[str, list[str]] = {}

    @model_validator(mode="after")
    def _labels_fit(self) -> ToolSection:
        if not set(self.results) <= set(RESULTS):
            raise ValueError(f"`results` are {' or '.join(RESULTS)}")
        if not set(self.does) <= set(EFFECTS):
            raise ValueError(f"a tool `does` {' or '.join(EFFECTS)}")
        if self.inside and Label.EXTERNAL not in self.does:
            raise ValueError("only what `does: [external]` can stay `inside`")
        if self.action not in (Action.ALLOW, *ACTIONS):
            raise ValueError("a call is allowed, or its `action` is flag, review or block")
        return self

    def record(self, tool: str) -> ToolTerms:
        """The domain record."""
        arguments = tuple(section.record(path) for path, section in self.arguments.items())
        price = round(self.price * MICROS)
        labels = tuple(self.results), tuple(self.does)
        inside = tuple((path, tuple(host.lower() for host in hosts)) for path, hosts in self.inside.items())
        return ToolTerms(tool, self.pinned, *labels, arguments, self.only, self.calls, price, self.action, inside)


class FlowSection(Section):
    """What becomes of calls that do `to`, once results with all labels in `seen` were there."""

    seen: list[Label] = Field(min_length=1)
    to: Label
    action: Action = Action.BLOCK
    carried: bool = False

    @model_validator(mode="after")
    def _can_be(self) -> FlowSection:
        if not set(self.seen) <= set(RESULTS) or self.to not in EFFECTS:
            raise ValueError(f"what is `seen` is {' or '.join(RESULTS)}, and goes `to` {' or '.join(EFFECTS)}")
        if self.action not in ACTIONS:
            raise ValueError("a flow's `action` is flag, review or block")
        return self

    def record(self) -> FlowRule:
        """The domain record."""
        return FlowRule(tuple(self.seen), self.to, self.action, self.carried)


class TaskSection(Section):
    """A named set of tools, and who may pick it."""

    tools: list[str] = Field(min_length=1)
    credentials: list[str] = []
    steps: int | None = Field(default=None, ge=1)

    def record(self, name: str) -> Task:
        """The domain record."""
        return Task(name, tuple(self.tools), tuple(self.credentials), self.steps)


class ToolsSection(Section):
    """Which tools may be called, and how; `money` is in units."""

    mode: Mode = Mode.ENFORCE
    allow: dict[str, ToolSection]
    flows: list[FlowSection] | None = None
    tasks: dict[str, TaskSection] = {}
    pin: bool = False
    given: list[Label] = []
    steps: int | None = Field(default=None, ge=1)
    money: float | None = Field(default=None, ge=0)
    repeats: int | None = Field(default=None, ge=1)
    idle_minutes: float = Field(default=60.0, gt=0, le=60 * 24)

    @model_validator(mode="after")
    def _names_fit(self) -> ToolsSection:
        unknown = sorted({tool for task in self.tasks.values() for tool in task.tools} - set(self.allow))
        if unknown:
            raise ValueError(f"a task names {unknown[0]!r}, which is not under `allow`")
        unpinned = [tool for tool, section in self.allow.items() if not section.pinned]
        if self.pin and unpinned:
            raise ValueError(f"`pin` asks for `pinned` of every tool, and {unpinned[0]!r} has none")
        if not set(self.given) <= set(RESULTS):
            raise ValueError(f"what is `given` is {' or '.join(RESULTS)}")
        return self

    def record(self) -> ToolPolicy:
        """The domain record."""
        return ToolPolicy(
            tools=tuple(section.record(tool) for tool, section in self.allow.items()),
            mode=self.mode,
            flows=FLOWS if self.flows is None else tuple(section.record() for section in self.flows),
            tasks=tuple(section.record(name) for name, section in self.tasks.items()),
            pin=self.pin,
            given=tuple(self.given),
            steps=self.steps,
            money=None if self.money is None else round(self.money * MICROS),
            repeats=self.repeats,
            idle_minutes=self.idle_minutes,
        )
