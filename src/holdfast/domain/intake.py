"""Data at a gate: whether what a data gate admitted may be used now, and whether a release traces back to sources."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from holdfast.domain.lineage import Lineage, Link
from holdfast.domain.verdict import Outcome, Reason, parse_time

MOST_NAMED = 5
"""Broken links that are named one by one."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A data set that a request names, as it is known now.

    `outcome` is the sealed answer of its newest admission by a key that is trusted, given at `judged_at` under a
    `contract` (digest): None where there is none. `because` is what that admission objects to first, or why it
    cannot be read. `has_passed` is whether the system's data gate lets the data set through now; only the training
    gate asks that.
    """

    digest: str
    name: str = ""
    outcome: Outcome | None = None
    judged_at: str = ""
    contract: str = ""
    because: str = ""
    has_passed: bool = False

    @property
    def title(self) -> str:
        """What people call it; the start of its digest where nobody named it."""
        return self.name or self.digest[:19]


def judge_data(offered: Offered, evidence_days: int | None, now: datetime) -> Reason:
    """Whether a data set may be used at `now`: let in, and not longer ago than evidence counts (None: nobody says)."""
    title = offered.title
    if offered.outcome is None and offered.because:
        return _open(f"The admission of {title} cannot be relied on. {offered.because}")
    if offered.outcome is None:
        return _open(f"No data gate whose key is trusted let {title} in. Register what `holdfast data admit` sealed.")
    if offered.outcome is Outcome.BREACH:
        return Reason(Outcome.BREACH, f"The data gate refused {title}: {offered.because or 'see its admission.'}")
    if offered.outcome is not Outcome.PASS:
        return _open(f"The data gate could not tell about {title}: {offered.because or 'see its admission.'}")
    if evidence_days is None:
        return _open(f"No appetite is in force, so nothing says how long the admission of {title} counts.")
    age = now - parse_time(offered.judged_at)
    if age > timedelta(days=evidence_days):
        return _open(f"{title} was let in {age.days} days ago; that counts for {evidence_days}. Admit it again.")
    if age < timedelta(minutes=-5):
        return _open(f"The admission of {title} is dated in the future ({offered.judged_at}).")
    return Reason(Outcome.PASS, f"{title} was let in by its data gate on {offered.judged_at[:10]}.")


def require_passed(offered: Offered) -> Reason:
    """Whether a data set passed the data gate of the system that is to be trained on it.

    Being admitted says that the table is sound; the gate says that people let this system use it.
    """
    if offered.has_passed:
        return Reason(Outcome.PASS, f"{offered.title} passed this system's data gate.")
    return _open(f"{offered.title} has not passed this system's data gate.")


def judge_lineage(lineage: Lineage | None) -> Iterator[Reason]:
    """Whether every way back ends at an attested source, naming where one does not."""
    if lineage is None or not lineage.links:
        yield _open("Nothing is known of where this release comes from.")
        return
    if lineage.is_complete:
        yield Reason(Outcome.PASS, "Every file of this release traces back to an attested source.")
    for link in lineage.breaks[:MOST_NAMED]:
        yield _open(f"The lineage breaks at {_named(link)}: {link.because}")
    if len(lineage.breaks) > MOST_NAMED:
        yield _open(f"The lineage breaks at {len(lineage.breaks) - MOST_NAMED} more files.")


def _named(link: Link) -> str:
    return f"{', '.join(link.names) or 'a file without a name'} ({link.digest[:19]})"


def _open(sentence: str) -> Reason:
    return Reason(Outcome.INCONCLUSIVE, sentence)
