"""Everything that several requests are judged by, loaded in a few questions instead of several for each request."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, TypeVar, cast

from holdfast import canonical
from holdfast.domain.act import Kept, Page
from holdfast.domain.approval import Approval, Waiver
from holdfast.domain.classification import Classification
from holdfast.domain.gate import Request
from holdfast.domain.kinds import Filed
from holdfast.domain.release import Release
from holdfast.domain.system import System
from holdfast.domain.verdict import Verdict
from holdfast.flows.desk import Desk
from holdfast.ports import Store

T = TypeVar("T")


def ahead(desk: Desk, requests: Collection[Kept[Request]]) -> Desk:
    """A desk for looking at these requests now: it answers from what was loaded here, and asks the store for the rest.

    Its store is as of this moment, so it serves one page or one answer and is not kept.
    """
    store = _Ahead(desk.store)
    asked = [canonical.digest(kept.record) for kept in requests]
    systems = {kept.record.system for kept in requests}
    releases = {kept.record.release for kept in requests if kept.record.release}
    store.hold(Request, {kept.key: kept for kept in requests})
    store.hold(System, desk.store.many(System, systems))
    store.hold(Release, desk.store.many(Release, releases))
    store.gathered(Classification, "system", systems)
    for kind in (Filed, Verdict):
        store.gathered(kind, "about", releases)
    waivers = store.gathered(Waiver, "about", asked)
    store.gathered(Approval, "about", [*asked, *(canonical.digest(kept.record) for kept in waivers)])
    return replace(desk, store=cast(Store, store))


class _Ahead:
    """A store that knows some answers already, and remembers what it was asked to find."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: dict[tuple[type, str], Kept[Any] | None] = {}
        self._lists: dict[tuple[type, tuple[str, str]], tuple[Kept[Any], ...]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def hold(self, kind: type[T], found: dict[str, Kept[T]]) -> None:
        self._kept |= {(kind, key): kept for key, kept in found.items()}

    def gathered(self, kind: type[T], facet: str, values: Collection[str]) -> list[Kept[T]]:
        """Load what a list by this facet alone would answer for each value."""
        found = self._store.gather(kind, facet, values)
        self._lists |= {(kind, (facet, value)): some for value, some in found.items()}
        return [kept for some in found.values() for kept in some]

    def find(self, kind: type[T], key: str) -> Kept[T] | None:
        if (kind, key) not in self._kept:
            self._kept[kind, key] = self._store.find(kind, key)
        return self._kept[kind, key]

    def get(self, kind: type[T], key: str) -> Kept[T]:
        return self.find(kind, key) or self._store.get(kind, key)

    def list(self, kind: type[T], *, limit: int = 50, **filters: Any) -> Page[T]:
        known = self._lists.get((kind, next(iter(filters.items())))) if len(filters) == 1 else None
        if known is None or len(known) > limit:
            return self._store.list(kind, limit=limit, **filters)
        return Page(known)
