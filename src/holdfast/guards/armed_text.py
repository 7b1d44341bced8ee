"""Guards on text as a policy has them, made ready, and what they say of passages: the only place that runs one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from time import perf_counter

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, GuardVerdict, Mode, Stage
from holdfast.domain.policy import GuardTerms, Policy, Unanswered
from holdfast.guards.armed import chosen
from holdfast.guards.contract import GuardSpec, Reads
from holdfast.guards.passages import Conversation, Passage, Reading, Span, Spotted

ACTIONS = (Action.FLAG, Action.REDACT, Action.REVIEW, Action.BLOCK)
"""What can become of text by a policy. Nobody reviews conversations: what it says of no answer stands at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Remark:
    """What one guard said of passages: its highest score (None where it broke), what follows, enforced or not, and
    what is to be redacted in each passage. Of text that goes on, `open` is where something begins that is not settled.
    """

    armed: ArmedText
    score: float | None
    action: Action
    spans: tuple[tuple[Span, ...], ...] = ()
    because: str = ""
    failed: str = ""
    open: int | None = None

    def verdict(self, field: str) -> GuardVerdict:
        """The verdict, which looked at this field."""
        armed, score = self.armed, self.score
        return GuardVerdict(
            armed.spec.id,
            armed.spec.version,
            armed.mode,
            self.action,
            score if score is None or isfinite(score) else None,
            armed.threshold,
            (field,),
            self.failed or self.because,
            bool(self.failed),
        )

    def and_then(self, later: Remark) -> Remark:
        """What the guard said of one part of an answer and of the next, as one; spans are those of the next."""
        scores = [score for score in (self.score, later.score) if score is not None]
        return replace(
            later,
            score=max(scores, default=None),
            action=max(self.action, later.action, key=lambda action: action.rank),
            because=self.because or later.because,
            failed=self.failed or later.failed,
        )


@dataclass(frozen=True, eq=False)
class ArmedText:
    """One guard made ready, with what the policy says of it."""

    spec: GuardSpec
    mode: Mode
    action: Action
    threshold: float
    on_error: Action
    reading: Reading

    def hearing(self, conversation: Conversation) -> ArmedText:
        """The guard as it takes part in one conversation; one that breaks over it has failed."""
        if self.reading.hearing is None:
            return self
        try:
            return replace(self, reading=self.reading.hearing(conversation))
        except Exception as error:  # as in `read`
            return replace(self, reading=Reading(_raiser(error), reach=0))

    def read(self, passages: Sequence[Passage]) -> Remark:
        """What the guard says of all of the passages; one that breaks has failed."""
        return self._timed(passages, lambda: self._remark([self.reading.read(passage) for passage in passages]))

    def read_on(self, passage: Passage, seen: int, *, is_last: bool) -> Remark:
        """What the guard says of text that goes on unless this `is_last`, and of which `seen` characters are let out.

        Scored spans count once: not before what stands behind them is known, and not after they were let out.
        """
        settled = len(passage.text) + 1 if is_last else len(passage.text) - self.reading.ahead
        return self._timed([passage], lambda: self._settled(self.reading.read(passage), settled, seen))

    def _timed(self, passages: Sequence[Passage], reads: Callable[[], Remark]) -> Remark:
        started = perf_counter()
        try:
            remark = reads()
        except Exception as error:  # whatever a plug-in raises is its failure, and must not become the caller's
            return self.failed(f"raised {type(error).__name__}")
        took = 1000 * (perf_counter() - started)
        if took > self.spec.deadline_ms * max(1.0, sum(len(passage.text) for passage in passages) / 1000):
            because = f"{remark.because}; late, took {took:.0f} ms".removeprefix("; ")
            return replace(remark, because=because)
        return remark

    def _remark(self, seen: Sequence[Spotted]) -> Remark:
        score = max((float(spotted.score) for spotted in seen), default=0.0)
        spans = tuple(tuple(span for span in spotted.spans if self._reaches(span, spotted)) for spotted in seen)
        because = next((spotted.because for spotted in seen if spotted.score >= self.threshold), "")
        return Remark(self, score, self._follows(score, spans), spans, because)

    def _reaches(self, span: Span, spotted: Spotted) -> bool:
        return (spotted.score if span.score is None else span.score) >= self.threshold

    def _settled(self, spotted: Spotted, settled: int, seen: int) -> Remark:
        """What is said of the scored spans that end before `settled`, and not within what is `seen`."""
        if not any(span.score is not None for span in spotted.spans):
            return self._remark([spotted])
        spans = tuple(span for span in spotted.spans if span.end < settled)
        begun = (span.start for span in spotted.spans if span.end >= settled)
        score = max((span.score or 0.0 for span in spans if span.end > seen), default=0.0)
        remark = self._remark([replace(spotted, score=score, spans=spans)])
        return replace(remark, open=min(begun, default=None))

    def _follows(self, score: float, spans: tuple[tuple[Span, ...], ...]) -> Action:
        """What is flagged but stands nowhere cannot be redacted, and is blocked."""
        if score < self.threshold:
            return Action.ALLOW
        return Action.BLOCK if self.action is Action.REDACT and not any(spans) else self.action

    def failed(self, how: str) -> Remark:
        """The remark that stands where the guard made none."""
        return Remark(self, None, Action.BLOCK if self.on_error is Action.REDACT else self.on_error, failed=how)


def arm_text(policy: Policy, specs: Sequence[GuardSpec], stage: Stage) -> tuple[ArmedText, ...]:
    """The policy's guards of one stage, in its order; FixInput for a guard, parameter or action that cannot be."""
    instead = Action.FLAG if policy.unanswered is Unanswered.ANSWER else Action.BLOCK
    return tuple(_armed(terms, spec, instead) for terms, spec in chosen(policy, specs, stage, Reads.TEXT))


def _armed(terms: GuardTerms, spec: GuardSpec, instead: Action) -> ArmedText:
    """The guard, which does something else `instead` of sending text to a person."""
    action, on_error = terms.action or spec.action, terms.on_error or spec.on_error
    if action not in ACTIONS:
        raise FixInput("policy.action", f"{spec.id} cannot {action} text.", f"It can: {', '.join(ACTIONS)}.")
    return ArmedText(
        spec=spec,
        mode=terms.mode,
        action=instead if action is Action.REVIEW else action,
        threshold=spec.threshold if terms.threshold is None else terms.threshold,
        on_error=instead if on_error is Action.REVIEW else on_error,
        reading=spec.prepare(spec.with_params(dict(terms.params))),
    )


def _raiser(error: Exception) -> Callable[[Passage], Spotted]:
    def read(_passage: Passage) -> Spotted:
        raise error

    return read


def hearing(guards: Sequence[ArmedText], conversation: Conversation) -> tuple[ArmedText, ...]:
    """The guards as they take part in one conversation."""
    return tuple(guard.hearing(conversation) for guard in guards)


def enforced(remarks: Iterable[Remark]) -> Action:
    """The gravest action that follows; guards in shadow change nothing."""
    acts = (remark.action for remark in remarks if remark.armed.mode is Mode.ENFORCE)
    return max(acts, key=lambda action: action.rank, default=Action.ALLOW)


def redactions(remarks: Iterable[Remark], passage: int) -> tuple[Span, ...]:
    """What enforced guards redact in one of the passages that they remarked on."""
    return tuple(
        span
        for remark in remarks
        if remark.spans and remark.armed.mode is Mode.ENFORCE and remark.armed.action is Action.REDACT
        for span in remark.spans[passage]
    )
