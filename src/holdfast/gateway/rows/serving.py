"""One served system: which release decides, what guards say of each row, and what is logged before anybody hears."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from holdfast.decisions.log import SegmentLog
from holdfast.domain.decision import Decision, Ended, Lane
from holdfast.domain.errors import Blocked, Forbidden, HoldfastError, ModelFailed, Unavailable
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import Policy
from holdfast.domain.schema import Scalar
from holdfast.flows.exchange import ENDS, Asked, Judged, Post, Reply, Served, is_kept_from
from holdfast.flows.hold import held
from holdfast.flows.serve import before, settle, to_ask
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.access.lanes import Lanes
from holdfast.gateway.http.upstream import Upstream
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.observe.passed import rows_passed
from holdfast.gateway.review.held import HeldFolder
from holdfast.gateway.review.reviews import path_of
from holdfast.gateway.rows.backends import Answered, Backend, Proxy, Put
from holdfast.gateway.rows.scoring import Scoring

if TYPE_CHECKING:
    import pyarrow as pa

MOST_SHADOWS = 64
_REVIEW = ENDS.index(Ended.REVIEW)


@dataclass
class Pending:
    """Takes the decision of one row, so that it can be committed without holding the loop up."""

    decisions: list[Decision] = field(default_factory=list)

    def append(self, decisions: Sequence[Decision]) -> None:
        """Keep them until they are committed."""
        self.decisions.extend(decisions)

    def append_batch(self, values: pa.Table, **constant: Scalar) -> Sequence[str]:
        """No row comes in columns alone."""
        raise NotImplementedError(f"{len(values)} rows of {constant.get('system')}")


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How one request ended: the reply to all of its rows, the ids of its decisions, and the bytes that can be handed
    on as they came.

    `fallback` stands for the answer where a guard kept the row from the model. `waiting` are the decisions, of those
    that are answered, at which a person looks later.
    """

    ids: tuple[str, ...]
    reply: Reply | None
    answered: Answered | None
    fallback: Scalar | None = None
    waiting: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Ended:
    """What is known of an exchange once it is in the log."""

    judged: Judged
    ids: tuple[str, ...]
    served: Served | None
    answered: Answered | None
    failure: HoldfastError | None


class Serving:
    """A system under its `name` in paths. `posts` and `backends` are by release digest."""

    def __init__(
        self,
        name: str,
        posts: Mapping[str, Post],
        backends: Mapping[str, Backend],
        lanes: Lanes,
        *,
        follower: Follower,
        log: SegmentLog,
        held: HeldFolder,
        observer: Observer | None = None,
    ) -> None:
        self.name = name
        self.lanes = lanes
        self._posts, self._backends = dict(posts), dict(backends)
        self._follower, self._log, self._held = follower, log, held
        self._observer = observer or Observer()
        self._shadows: set[asyncio.Task[_Ended]] = set()
        self.post = next(iter(posts.values()))

    @property
    def system(self) -> str:
        """The system's name in the inventory."""
        return self.post.system

    @property
    def policy(self) -> Policy:
        """How it is guarded."""
        return self.post.policy

    def upstreams(self) -> Iterator[Upstream]:
        """The servers that are asked."""
        return (backend.upstream for backend in self._backends.values() if isinstance(backend, Proxy | Scoring))

    async def decide(self, asked: Asked, put: Put) -> Outcome:
        """Serve one request, logged durably before this returns or raises.

        Forbidden where the release may not run, Blocked where a guard kept a row back, ModelFailed and Unavailable
        where nobody answered; each names decisions.
        """
        release, lane = self.lanes.chosen()
        asked = asked if asked.lane is lane else replace(asked, lane=lane)
        ended = await self._exchange(release, asked, put)
        for shadow in self.lanes.listening(release):
            self._listen(shadow, replace(asked, lane=Lane.SHADOW, follows="".join(ended.ids[:1])), put)
        return _outcome(self._posts[release], ended)

    async def _exchange(self, release: str, asked: Asked, put: Put) -> _Ended:
        """Guards, model, guards, log. Many rows are judged and logged beside the loop, which others wait for."""
        trip = self._observer.begin(put.headers)
        is_one = len(asked) == 1
        if trip.trace != asked.trace or not is_one:  # no client of these protocols has a way to read half an answer
            asked = replace(asked, trace=trip.trace, together=not is_one)
        pending = Pending()
        post = replace(
            self._posts[release],
            log=pending if is_one else self._log,
            admissions=self._follower.clearance,
            snapshot=self._follower.digest,
        )
        judged = before(post, asked) if is_one else await asyncio.to_thread(before, post, asked)
        trip.guarded = perf_counter()
        answered, failure = None, None
        if to_ask(post.policy, judged) is None:
            try:
                sent = replace(put, headers=trip.passed_on(put.headers)) if trip.span else put
                answered = await self._backends[release].answer(asked.reading.X, sent)
            except HoldfastError as error:
                failure = error
            trip.answered = perf_counter()
        reply = answered.reply if answered else None
        if is_one:
            served = _settled(post, asked, judged, reply, failure)
            trip.judged = perf_counter()
            await self._log.append_async(pending.decisions)
            ids = tuple(decision.id for decision in pending.decisions)
        else:
            trip.judged = perf_counter()
            served = await asyncio.to_thread(_settled, post, asked, judged, reply, failure)
            ids = tuple(served.ids) if served else ()
        if served is not None and (served.ended == _REVIEW).any():
            await asyncio.to_thread(self._keep, post, asked, served)
        trip.logged = perf_counter()
        told = served.judged if served else judged
        self._observer.passed(trip, rows_passed(post, asked, told, served, ids))
        return _Ended(judged, ids, served, answered, failure)

    def _keep(self, post: Post, asked: Asked, served: Served) -> None:
        """Let what is for a person wait, durably; it reaches the control plane later."""
        waiting = held(post, asked, served)
        if waiting:
            self._held.add(waiting)

    def _listen(self, release: str, asked: Asked, put: Put) -> None:
        """Let another release answer too, for comparison; nobody waits for it and nobody hears it.

        One that is slower than those it is compared to sees only some of the exchanges: those under way are bounded.
        """
        if len(self._shadows) >= MOST_SHADOWS:
            return
        task = asyncio.get_running_loop().create_task(self._exchange(release, asked, put))
        self._shadows.add(task)
        task.add_done_callback(self._heard)

    def _heard(self, task: asyncio.Task[_Ended]) -> None:
        self._shadows.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, HoldfastError):
            raise error

    async def close(self) -> None:
        """Wait for shadows. The backends are whoever's who opened them."""
        if self._shadows:
            await asyncio.wait(self._shadows, timeout=10)


def _settled(
    post: Post, asked: Asked, judged: Judged, reply: Reply | None, failure: HoldfastError | None
) -> Served | None:
    """What was served; None where the model failed, which is in the log then."""
    try:
        return settle(post, asked, judged, reply, failure)
    except ModelFailed:
        return None


def _outcome(post: Post, ended: _Ended) -> Outcome:
    served, ids = ended.served, ended.ids
    which = f"Decision {', '.join(ids[:3])}." if ids else "It is in the decision log."
    if served is None:
        error = ended.failure or ModelFailed("model.raised", "The model did not answer.")
        kind = Unavailable if isinstance(error, Unavailable) else ModelFailed
        raise kind(error.code, error.message, which)
    ends = {ENDS[code] for code in set(served.ended.tolist())}
    rows = tuple(np.flatnonzero(served.ended == _REVIEW).tolist()) if Ended.REVIEW in ends else ()
    waiting = tuple(ids[row] for row in rows)
    if served.answered is None and ends <= {Ended.ANSWERED, Ended.REVIEW}:
        is_same = ended.answered is not None and served.reply is ended.answered.reply
        return Outcome(ids, served.reply, ended.answered if is_same else None, waiting=waiting)
    if ends == {Ended.FALLBACK} and len(ids) == 1:
        return Outcome(ids, None, None, post.policy.fallback)
    if is_kept_from(post.policy, ended.judged.reasons) and not waiting:
        raise Forbidden("gateway.not-released", "No release of this system may decide here now.", which)
    if not waiting or _is_blocked(ended.judged):
        raise Blocked("gateway.blocked", "A guard kept this from the model.", which, decisions=ids)
    where = f"Decision {waiting[0]}. GET {path_of(waiting[0])} says how it ended."
    raise Blocked("gateway.review", "A person has to look at this first.", where, rows=rows, decisions=waiting)


def _is_blocked(judged: Judged) -> bool:
    """Whether a guard wants a row kept from the model, and not only looked at."""
    said = (opinion for opinion in judged.opinions if opinion.any and opinion.armed.mode is Mode.ENFORCE)
    return any(opinion.action is Action.BLOCK for opinion in said)
