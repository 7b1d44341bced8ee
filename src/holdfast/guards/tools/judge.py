"""Whether a tool may be called, at this point of a conversation, by what a policy says.

Each rule says what it would do by itself, and the gravest is done: the order of rules, tools and flows means nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from holdfast.domain.guard import Action, GuardVerdict
from holdfast.domain.tool import RESULTS, Label, Task, ToolPolicy, ToolTerms
from holdfast.guards.tools.arguments import is_inside, wrong_in
from holdfast.guards.tools.course import Course
from holdfast.guards.tools.steps import Call, Given, Result, Step, leaves, plainly

VERSION = "1"
ALLOWED, PINNED, TASK, ARGUMENTS, FLOW, BUDGET = (
    f"tools.{name}" for name in ("allowed", "pinned", "task", "arguments", "flow", "budget")
)
MONEY = 1_000_000


@dataclass(frozen=True, slots=True)
class Occasion:
    """What is known of a conversation beside its steps: the task that its request picks, what the credential that asks
    is called, and the digests of what tools say of themselves, by name (None where nobody has seen that).
    """

    task: str = ""
    principals: tuple[str, ...] = ()
    declared: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A call as rules see it."""

    policy: ToolPolicy
    course: Course
    call: Call
    terms: ToolTerms
    occasion: Occasion


Said = Iterator[tuple[str, Action, str]]


def judge(policy: ToolPolicy, course: Course, call: Call, occasion: Occasion) -> tuple[GuardVerdict, ...]:
    """What the policy says of a call before it is made; one verdict of `ALLOW` where nothing holds against it."""
    terms = policy.terms(call.tool)
    if terms is None:
        return (_verdict(policy, "*", ALLOWED, Action.BLOCK, "the policy does not allow this tool"),)
    asked = _Asked(policy, course, call, terms, occasion)
    found = [_verdict(policy, call.tool, *said) for rule in _RULES for said in rule(asked)]
    return tuple(found) or (_verdict(policy, call.tool, ALLOWED, Action.ALLOW, ""),)


def follow(policy: ToolPolicy, course: Course, step: Step) -> None:
    """Take a step into the course of a conversation. What a tool answers that the policy does not know is untrusted
    and sensitive.
    """
    if isinstance(step, Call):
        terms = policy.terms(step.tool)
        course.call(step, terms.price if terms else 0)
    elif isinstance(step, Result):
        terms = policy.terms(course.tool_of(step))
        course.hold(terms.results if terms else RESULTS, plainly(step.text))
    elif policy.given and isinstance(step, Given):
        course.hold(policy.given, step.text)


def begun(policy: ToolPolicy) -> Course:
    """The course of a conversation in which nothing was said yet."""
    course = Course()
    course.hold(policy.given, "")
    return course


def why_withheld(policy: ToolPolicy, tool: str, digest: str, occasion: Occasion) -> GuardVerdict | None:
    """Why a model shall not even hear of a tool that is declared with this digest; None where it may."""
    terms = policy.terms(tool)
    if terms is None:
        return _verdict(policy, "*", ALLOWED, Action.REDACT, "a tool that the policy does not allow was withheld")
    wrong = _why_unpinned(policy, terms, digest)
    if wrong:
        return _verdict(policy, tool, PINNED, Action.REDACT, f"it was withheld: {wrong}")
    wrong = _why_not_this_task(policy, tool, occasion)
    return _verdict(policy, tool, TASK, Action.REDACT, f"it was withheld: {wrong}") if wrong else None


def picked(policy: ToolPolicy, occasion: Occasion) -> Task | None:
    """The task of a conversation; None where none is picked, or not one that this credential may."""
    mine = [one for one in policy.tasks if not one.credentials or set(one.credentials) & set(occasion.principals)]
    if occasion.task:
        return next((one for one in mine if one.name == occasion.task), None)
    return mine[0] if len(mine) == 1 else None


def _pinned(asked: _Asked) -> Said:
    declared = asked.occasion.declared
    if declared is None:
        return
    wrong = _why_unpinned(asked.policy, asked.terms, declared.get(asked.call.tool))
    if wrong:
        yield PINNED, Action.BLOCK, wrong


def _task(asked: _Asked) -> Said:
    wrong = _why_not_this_task(asked.policy, asked.call.tool, asked.occasion)
    if wrong:
        yield TASK, Action.BLOCK, wrong


def _arguments(asked: _Asked) -> Said:
    if asked.call.arguments is None:
        yield ARGUMENTS, Action.BLOCK, "its arguments cannot be read"
        return
    for wrong in wrong_in(asked.terms, asked.call.arguments):
        yield ARGUMENTS, Action.BLOCK, wrong


def _by_itself(asked: _Asked) -> Said:
    if asked.terms.action is not Action.ALLOW:
        yield ALLOWED, asked.terms.action, "the policy says so of every call of it"


def _flows(asked: _Asked) -> Said:
    text = "\n".join(leaves(asked.call.arguments or {}))
    carried: dict[Label, bool] = {}
    does = set(asked.terms.does)
    if is_inside(asked.terms, asked.call.arguments or {}):
        does.discard(Label.EXTERNAL)
    for rule in asked.policy.flows:
        if rule.to not in does or not set(rule.seen) <= asked.course.labels:
            continue
        for label in rule.seen:
            if rule.carried and label not in carried:
                carried[label] = asked.course.carries(label, text)
        if not rule.carried or all(carried[label] for label in rule.seen):
            how = "its arguments carry pieces of" if rule.carried else "the conversation holds"
            yield FLOW, rule.action, f"{how} {' and '.join(rule.seen)} results, and it is {rule.to}"


def _budget(asked: _Asked) -> Said:
    policy, course, terms = asked.policy, asked.course, asked.terms
    task = picked(policy, asked.occasion)
    steps = [most for most in (policy.steps, task.steps if task else None) if most is not None]
    if steps and course.steps >= min(steps):
        yield BUDGET, Action.BLOCK, f"the conversation has made its {min(steps)} calls"
    if terms.calls is not None and course.calls_of(asked.call.tool) >= terms.calls:
        yield BUDGET, Action.BLOCK, f"it was called {terms.calls} times"
    if policy.money is not None and course.money + terms.price > policy.money:
        yield BUDGET, Action.BLOCK, f"the conversation may cost {policy.money / MONEY:g}"
    if policy.repeats is not None and course.times(asked.call) >= policy.repeats:
        yield BUDGET, Action.BLOCK, f"the same call was made {policy.repeats} times"


_RULES: tuple[Callable[[_Asked], Said], ...] = (_pinned, _task, _arguments, _by_itself, _flows, _budget)


def _why_unpinned(policy: ToolPolicy, terms: ToolTerms, digest: str | None) -> str:
    if not terms.pinned:
        return "it is not pinned" if policy.pin else ""
    if digest is None:
        return "it was not declared as it is pinned"
    return "" if digest == terms.pinned else "what it says of itself is not what was pinned"


def _why_not_this_task(policy: ToolPolicy, tool: str, occasion: Occasion) -> str:
    if not policy.tasks:
        return ""
    task = picked(policy, occasion)
    if task is None:
        return "no task was picked that this credential may do"
    return "" if tool in task.tools else f"it does not belong to the task {task.name}"


def _verdict(policy: ToolPolicy, tool: str, guard: str, action: Action, because: str) -> GuardVerdict:
    return GuardVerdict(guard, VERSION, policy.mode, action, looked_at=(tool,), because=because)


def gravest(verdicts: Iterable[GuardVerdict]) -> Action:
    """The gravest action that is wanted, enforced or not."""
    return max((one.action for one in verdicts), key=lambda action: action.rank, default=Action.ALLOW)
