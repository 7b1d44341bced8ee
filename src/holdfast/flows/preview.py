"""What another appetite would have let in or stopped: the newest evidence of each system judged under both."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.appetite import Appetite
from holdfast.domain.evidence import Evidence
from holdfast.domain.kinds import Filed
from holdfast.domain.system import System
from holdfast.domain.verdict import Outcome, Verdict, judge
from holdfast.flows.desk import APPETITE, Desk
from holdfast.flows.readings import evidence_of
from holdfast.flows.register import is_trusted

MOST_SYSTEMS = 200


@dataclass(frozen=True, slots=True)
class Change:
    """One system's newest evidence under the appetite in force (None where there is none) and under another."""

    system: str
    release: str
    before: Verdict | None
    after: Verdict

    @property
    def is_answer(self) -> bool:
        """Whether the answer changes, and not its reasons alone."""
        return self.before is None or self.before.outcome is not self.after.outcome

    @property
    def differs(self) -> bool:
        """Whether anything changes."""
        return bool(self.is_answer or self.breached or self.mended)

    @property
    def breached(self) -> tuple[str, ...]:
        """The measures that breach only under the other appetite."""
        return tuple(sorted(_breaches(self.after) - _breaches(self.before)))

    @property
    def mended(self) -> tuple[str, ...]:
        """The measures that breach no longer under the other appetite."""
        return tuple(sorted(_breaches(self.before) - _breaches(self.after)))


def _breaches(verdict: Verdict | None) -> set[str]:
    return {reason.limit.measure for reason in verdict.breaches if reason.limit} if verdict else set()


@dataclass(frozen=True, slots=True)
class Preview:
    """What was judged, what would change, and whether there were more systems than were looked at."""

    judged: tuple[Change, ...]
    is_partial: bool

    @property
    def changes(self) -> tuple[Change, ...]:
        """Those for which anything would change, those that would be stopped first."""
        found = [change for change in self.judged if change.differs]
        return tuple(
            sorted(
                found,
                key=lambda change: (not change.is_answer, change.after.outcome is not Outcome.BREACH, change.system),
            )
        )

    @property
    def answers(self) -> int:
        """How many answers would change."""
        return sum(change.is_answer for change in self.judged)

    def count(self, outcome: Outcome, *, after: bool) -> int:
        """How many have this outcome before, or after."""
        verdicts = [change.after if after else change.before for change in self.judged]
        return sum(verdict is not None and verdict.outcome == outcome for verdict in verdicts)


def preview(desk: Desk, proposed: Appetite) -> Preview:
    """Judge the newest trusted evidence of up to `MOST_SYSTEMS` systems under what is in force and what is proposed."""
    kept = desk.store.find(Appetite, APPETITE)
    page = desk.store.list(System, limit=MOST_SYSTEMS)
    found = (_change(desk, one.record, kept.record if kept else None, proposed) for one in page.items)
    return Preview(tuple(change for change in found if change), bool(page.after))


def _change(desk: Desk, system: System, current: Appetite | None, proposed: Appetite) -> Change | None:
    filed = desk.store.list(Filed, system=system.name, limit=20).items
    newest = next((kept.record for kept in filed if is_trusted(desk, kept.record.sealer)), None)
    if newest is None:
        return None
    evidence = evidence_of(desk, newest.digest)
    before = _judged(desk, system, evidence, current) if current else None
    return Change(system.name, newest.release, before, _judged(desk, system, evidence, proposed))


def _judged(desk: Desk, system: System, evidence: Evidence, appetite: Appetite) -> Verdict:
    return judge(evidence, appetite, tier=system.tier, now=desk.now, use_case=system.use_case)
