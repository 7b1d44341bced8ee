"""What is usual of releases, how systems are watched, and what was seen."""

from __future__ import annotations

from typing import Any

from holdfast.client.transport import Transport, segment
from holdfast.domain.act import Kept, Page
from holdfast.domain.alert import Alert, Incident, Settled
from holdfast.domain.appetite import Appetite
from holdfast.domain.look import Backtest, Look
from holdfast.domain.rounds import Round
from holdfast.domain.watch import FiledBaseline, Watch, Watched


class Watching(Transport):
    """Watching."""

    def list_baselines(self, **filters: Any) -> Page[FiledBaseline]:
        """What is filed of what is usual; `about` is the digest of a release."""
        return self._get(Page[FiledBaseline], "/baselines", **filters)

    def submit_baseline(self, envelope: bytes, sealer: str) -> Kept[FiledBaseline]:
        """File a run's baseline.json. `sealer` is the key that sealed it, in hex."""
        return self._make(Kept[FiledBaseline], "/baselines", envelope=envelope.decode(), sealer=sealer)

    def show_watch(self, system: str) -> Watch:
        """How a system is watched."""
        return self._get(Watch, f"/watches/{segment(system)}")

    def set_watch(self, watch: Watch) -> Kept[Watch]:
        """Say how a system is watched, and what follows from alarms."""
        said = {
            "span": watch.span,
            "rules": watch.rules,
            "skip": watch.skip,
            "mail": watch.mail,
            "score": watch.score,
            "decision": watch.decision,
        }
        return self._make(Kept[Watch], f"/watches/{segment(watch.system)}", method="PUT", **said)

    def list_watched(self, **filters: Any) -> Page[Watched]:
        """What was measured while watching; `about` is the digest of a release."""
        return self._get(Page[Watched], "/watched", **filters)

    def show_look(self, digest: str) -> Look:
        """What watching a release last showed."""
        return self._get(Look, f"/releases/{segment(digest)}/look")

    def show_round(self) -> Round:
        """What kept the watcher from looking the last time around, and what stands out among the whole fleet."""
        return self._get(Round, "/watch-rounds/latest")

    def list_alerts(self, **filters: Any) -> Page[Alert]:
        """Alerts; `state` is open or settled."""
        return self._get(Page[Alert], "/alerts", **filters)

    def show_alert(self, key: str) -> Kept[Alert]:
        """One alert."""
        return self._get(Kept[Alert], f"/alerts/{segment(key)}")

    def settle_alert(self, key: str, how: Settled, *, reason: str) -> Kept[Alert]:
        """Say what an alert came to."""
        return self._make(Kept[Alert], f"/alerts/{segment(key)}/settle", how=how, reason=reason)

    def list_incidents(self, **filters: Any) -> Page[Incident]:
        """Incidents; `state` is open or closed."""
        return self._get(Page[Incident], "/incidents", **filters)

    def close_incident(self, key: str, *, reason: str) -> Kept[Incident]:
        """Say how an incident ended."""
        return self._make(Kept[Incident], f"/incidents/{segment(key)}/close", reason=reason)

    def backtest(self, appetite: Appetite) -> tuple[Backtest, ...]:
        """What an appetite would have made of the decisions that were watched."""
        return self._make(tuple[Backtest, ...], "/backtests", appetite=appetite)

    def show_metrics(self) -> bytes:
        """Open alerts and incidents, tripped breakers and last looks, as Prometheus reads them."""
        return self._raw("/metrics")
