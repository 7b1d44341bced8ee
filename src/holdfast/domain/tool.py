"""Tools that a model may call: which, with what arguments, for which task, and what may flow from one to another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from holdfast.domain.guard import Action, Mode
from holdfast.domain.schema import Scalar


class Label(StrEnum):
    """What results of a tool are, and what calls of one do.

    `UNTRUSTED` results were written by whoever could; `SENSITIVE` ones must not leave the house. `EXTERNAL` calls reach
    somebody outside; `DESTRUCTIVE` ones cannot be undone.
    """

    UNTRUSTED = "untrusted"
    SENSITIVE = "sensitive"
    EXTERNAL = "external"
    DESTRUCTIVE = "destructive"


RESULTS = (Label.UNTRUSTED, Label.SENSITIVE)
EFFECTS = (Label.EXTERNAL, Label.DESTRUCTIVE)


@dataclass(frozen=True, slots=True)
class ArgumentTerms:
    """What one argument may be; `path` is its name, with dots into objects. None and empty ask for nothing.

    It has to be one of `one_of`, a URL or an email address whose host is one of `hosts` (or below it), match `pattern`
    as a whole (RE2), be no shorter or longer than `shortest` and `longest` (characters, or items), and lie between
    `least` and `most`. Each item of a list has to be so by itself. An argument that is not there is fine unless it is
    `needed`.
    """

    path: str
    one_of: tuple[Scalar, ...] = ()
    hosts: tuple[str, ...] = ()
    pattern: str = ""
    shortest: int | None = None
    longest: int | None = None
    least: float | None = None
    most: float | None = None
    needed: bool = False


@dataclass(frozen=True, slots=True)
class ToolTerms:
    """How one tool may be used.

    `pinned` is the digest of what it says of itself (name, description, schema of its arguments); empty where that may
    change. `results` are the labels of what it answers, `does` those of what calling it does. `arguments` are what its
    arguments may be; with `only` there may be no others. A conversation may call it `calls` times, at a `price` in
    millionths of the unit; `action` is what becomes of a call that all else allows. A call is not external whose
    arguments at the paths in `inside` all are at the hosts there.
    """

    tool: str
    pinned: str = ""
    results: tuple[Label, ...] = ()
    does: tuple[Label, ...] = ()
    arguments: tuple[ArgumentTerms, ...] = ()
    only: bool = False
    calls: int | None = None
    price: int = 0
    action: Action = Action.ALLOW
    inside: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class FlowRule:
    """What becomes of a call that does `to`, once the conversation holds results with all of the labels in `seen`.

    With `carried` it becomes so only where the call's own arguments carry pieces of such results.
    """

    seen: tuple[Label, ...]
    to: Label
    action: Action = Action.BLOCK
    carried: bool = False


FLOWS = (
    FlowRule((Label.UNTRUSTED, Label.SENSITIVE), Label.EXTERNAL),
    FlowRule((Label.SENSITIVE,), Label.EXTERNAL, carried=True),
    FlowRule((Label.UNTRUSTED,), Label.DESTRUCTIVE, Action.REVIEW),
)
"""The rules of a policy that names none."""


@dataclass(frozen=True, slots=True)
class Task:
    """A named set of tools, so that no conversation can use more than it is for.

    `credentials` are the names or ids of those who may pick it; empty for everybody. None is no limit of its own.
    """

    name: str
    tools: tuple[str, ...]
    credentials: tuple[str, ...] = ()
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class ToolPolicy:
    """Which tools may be called; one that is not in `tools` may not. `mode` shadow only notes what would be done.

    Where there are `tasks`, each conversation is for one of them: the one that its request picks, or the only one that
    its credential may. `pin` asks that every tool is pinned. A conversation begins with the labels in `given`; it may
    take `steps` (calls of tools), cost `money` (millionths of the unit, prices of the calls), and make the same call
    `repeats` times. At an MCP server it ends when nothing was asked for `idle_minutes`.
    """

    tools: tuple[ToolTerms, ...]
    mode: Mode = Mode.ENFORCE
    flows: tuple[FlowRule, ...] = FLOWS
    tasks: tuple[Task, ...] = ()
    pin: bool = False
    given: tuple[Label, ...] = ()
    steps: int | None = None
    money: int | None = None
    repeats: int | None = None
    idle_minutes: float = 60.0

    def terms(self, tool: str) -> ToolTerms | None:
        """How this tool may be used; None where it may not."""
        return next((one for one in self.tools if one.tool == tool), None)

    def task(self, name: str) -> Task | None:
        """The task of this name."""
        return next((one for one in self.tasks if one.name == name), None)
