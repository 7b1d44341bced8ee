"""Watch: what decisions turned out to be, however late that is known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from holdfast.domain.access import Permission
from holdfast.domain.decision import Label
from holdfast.domain.errors import Absent, FixInput
from holdfast.domain.system import System
from holdfast.domain.view import Labelled
from holdfast.flows.desk import Caller, Desk, require, stated

MOST_LABELS = 10_000
"""Labels of one request."""


class LabelLog(Protocol):
    """Where labels are kept."""

    def append_labels(self, labels: Iterable[Label]) -> None:
        """Durable when it returns, all or none; FixInput for one that no log can hold."""


def label_decisions(desk: Desk, caller: Caller, log: LabelLog, labels: Sequence[Label]) -> Labelled:
    """Take in outcomes; the same again changes nothing, a different one corrects the one before."""
    require(caller, Permission.LABEL_DECISIONS)
    if len(labels) > MOST_LABELS:
        raise FixInput("labels.many", f"{len(labels)} labels are too many at once.", f"Send {MOST_LABELS} at most.")
    known = desk.store.many(System, {label.system for label in labels})
    for label in labels:
        stated(label.source, "source")
        if label.system not in known:
            raise Absent("store.absent", f"There is no system {label.system}.", "Check the name.")
    log.append_labels(labels)
    return Labelled(len(labels))
