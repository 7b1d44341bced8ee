"""Watch: what was seen becomes alerts, each once; people settle them, and close the incidents that came of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.alert import Alert, Incident, Seen, Settled, Standing, owner_of
from holdfast.domain.errors import Conflict
from holdfast.domain.finding import Severity
from holdfast.domain.look import Line, Look
from holdfast.domain.measure import Measure
from holdfast.domain.watch import Watch
from holdfast.flows.bets import TOGETHER
from holdfast.flows.desk import Caller, Desk, every, require, stated


def alerts_in(look: Look, watch: Watch, measures: Mapping[str, Measure], *, evidence: str, at: str) -> list[Alert]:
    """Everything in a look that somebody has to see, the surest first."""
    found = [*_changed(look, watch, measures), *_beyond(look, watch, measures), *_found(look, watch)]
    dated = [replace(alert, evidence=evidence, at=at) for alert in found]
    return sorted(dated, key=lambda alert: -(alert.evalue or 0.0))


def key_of(alert: Alert, settled: int = 0) -> str:
    """By what an alert is known: what it is about, and how often that was settled before."""
    about = (alert.system, alert.release, alert.measure, alert.scope, alert.kind.value, str(settled))
    return hashlib.sha256("\0".join(about).encode()).hexdigest()[:24]


def _changed(look: Look, watch: Watch, measures: Mapping[str, Measure]) -> Iterator[Alert]:
    for line in look.lines:
        if line.alarm is not None and line.since is not None:
            what = f"{_title(line, measures)} changed by {line.shift or 0:+.3g} since {look.starts[line.since]}."
            alert = replace(_of_line(look, watch, line), what=what, since=look.starts[line.since])
            yield replace(alert, value=line.shift, error=line.error, evalue=max(line.money))


def _beyond(look: Look, watch: Watch, measures: Mapping[str, Measure]) -> Iterator[Alert]:
    for line in look.lines:
        if line.out_alarm is not None and line.out_since is not None and line.level is not None:
            is_low = line.floor is not None and line.level < line.floor
            limit = line.floor if is_low else line.ceiling
            bound = f"{'at least' if is_low else 'at most'} {limit:.4g}"
            since = look.starts[line.out_since]
            what = f"{_title(line, measures)} is {line.level:.4g} since {since}; the limit is {bound}."
            alert = replace(_of_line(look, watch, line), kind=Seen.BEYOND, what=what, since=since)
            yield replace(alert, value=line.level, error=line.level_error, limit=limit, evalue=max(line.beyond))


def _found(look: Look, watch: Watch) -> Iterator[Alert]:
    for finding in look.findings:
        if finding.severity.rank >= Severity.MEDIUM.rank:
            yield Alert(
                look.system,
                look.release,
                finding.probe,
                f"{finding.slug} {finding.where}".strip(),
                Seen.FOUND,
                finding.sentence,
                owner_of(finding.probe),
                since=look.starts[-1] if look.starts else "",
                seen=look.starts[-1] if look.starts else "",
                consequence=watch.consequence(finding.probe),
                evidence="",
                at="",
            )


def _of_line(look: Look, watch: Watch, line: Line) -> Alert:
    return Alert(
        look.system,
        look.release,
        line.measure,
        line.where,
        Seen.CHANGED,
        what="",
        owner=owner_of(line.measure),
        since="",
        seen=look.starts[-1],
        consequence=watch.consequence(line.measure),
        evidence="",
        at="",
    )


def _title(line: Line, measures: Mapping[str, Measure]) -> str:
    title = measures[line.measure].title if line.measure in measures else line.measure
    return f"{title} ({line.where})" if line.where else title


def settled_before(alerts: Sequence[Kept[Alert]]) -> dict[tuple[str, str, Seen], list[Alert]]:
    """Settled alerts by what they are about."""
    found: dict[tuple[str, str, Seen], list[Alert]] = {}
    for kept in alerts:
        if not kept.record.is_open:
            found.setdefault((kept.record.measure, kept.record.scope, kept.record.kind), []).append(kept.record)
    return found


def settle(desk: Desk, caller: Caller, key: str, how: Settled, *, reason: str) -> Kept[Alert]:
    """Say what an alert came to; where it is how things are now, its level is what is usual from then on."""
    require(caller, Permission.SETTLE_ALERTS)
    kept = desk.store.get(Alert, key)
    if not kept.record.is_open:
        raise Conflict("alert.settled", "It is settled already.", "There is nothing to do.")
    record = replace(
        kept.record,
        standing=Standing.SETTLED,
        settled=how,
        person=caller.person.id,
        reason=stated(reason, "reason"),
    )
    return desk.keep(caller, Verb.SETTLE_ALERT, key, record, kept.revision)


def close_incident(desk: Desk, caller: Caller, key: str, *, reason: str) -> Kept[Incident]:
    """Say how an incident ended; its alerts have to be settled first."""
    require(caller, Permission.CLOSE_INCIDENTS)
    kept = desk.store.get(Incident, key)
    if not kept.record.is_open:
        raise Conflict("incident.closed", "It is closed already.", "There is nothing to do.")
    alerts = desk.store.many(Alert, kept.record.alerts)
    still = [one.record.what for one in alerts.values() if one.record.is_open]
    if still:
        raise Conflict("incident.alerts", f"Alerts of it are open: {' '.join(still)}", "Settle them first.")
    record = replace(kept.record, closed_at=desk.at, person=caller.person.id, reason=stated(reason, "reason"))
    return desk.keep(caller, Verb.CLOSE_INCIDENT, key, record, kept.revision)


def of_release(desk: Desk, release: str) -> tuple[Kept[Alert], ...]:
    """All alerts that were ever raised on a release."""
    return tuple(every(desk.store, Alert, about=release))


def drafts_for(look: Look, alerts: Sequence[Alert], known: Sequence[Kept[Alert]]) -> list[Draft]:
    """The alerts that are new: not raised before, or settled since; those that began together name the surest."""
    settled, raised = settled_before(known), {kept.key for kept in known}
    place = {start: at for at, start in enumerate(look.starts)}
    heads, drafts = list[tuple[int, str]](), list[Draft]()
    for alert in alerts:
        key = key_of(alert, len(settled.get((alert.measure, alert.scope, alert.kind), [])))
        began = place[alert.since]
        head = next((head for at, head in heads if abs(at - began) <= TOGETHER), "")
        if not head:
            heads.append((began, key))
        if key not in raised:
            drafts.append(Draft(Verb.RAISE_ALERT, key, replace(alert, group=head)))
    return drafts
