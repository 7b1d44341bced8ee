"""`holdfast.shield(model, system=...)`: the model's own interface, with guards before and after it and a log."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from holdfast.datasets.raw import Reading
from holdfast.domain.decision import Ended
from holdfast.domain.errors import Blocked, Forbidden
from holdfast.domain.policy import Policy
from holdfast.domain.reference import Reference
from holdfast.flows.exchange import ENDS, Asked, Post, Reply, Served, is_kept_from
from holdfast.flows.serve import serve
from holdfast.guards.armed import everything_in_shadow
from holdfast.plugins import find_guards
from holdfast.policy import read_policy
from holdfast.ports import Admitting, Clock, DecisionLog, Vault
from holdfast.shielded.answers import Answer, masked, read_answer
from holdfast.shielded.models import ASKED, labels_of, method
from holdfast.shielded.post import OnBlock, Terms, post_of, pseudonyms
from holdfast.shielded.tables import Places, for_model, split_subject, take

STOPPED = [ENDS.index(ended) for ended in (Ended.BLOCKED, Ended.REVIEW)]


def _now() -> datetime:
    return datetime.now(UTC)


def shield(
    model: Any,
    *,
    system: str,
    reference: Reference,
    policy: Policy | Path | str | None = None,
    log: DecisionLog | Callable[[], DecisionLog] | None = None,
    release: str = "",
    environment: str = "production",
    admissions: Admitting | None = None,
    vault: Vault | None = None,
    principal: str = "",
    on_block: OnBlock = "raise",
    subject_key: bytes = b"",
    plugins: tuple[str, ...] = (),
    clock: Clock = _now,
) -> Shield:
    """The model behind guards: asked as before, it answers as before, and every answer is in the log first.

    `model` is anything with ``predict`` or ``predict_proba``, an XGBoost or LightGBM booster, an ONNX session, a
    torch module, or any function of rows. `reference` says what is ordinary (`holdfast.learn_reference`). `policy`
    is a record or the path of a YAML file; without one, all guards look and none acts. `log` is where decisions go,
    or a function that opens it, called once in each process; without one, the decision log in ``.holdfast``.
    `release` is the digest of what the model is, which `admissions` must let in. `principal` is whose credential
    asks, where a call does not say. `vault` keeps personal fields and makes pseudonyms; without one, `subject_key`
    makes them, and without that a key of the process alone. `on_block` says what becomes of a call with rows that
    are not answered: ``raise`` (`Blocked`, which holds the others' answers) or ``mask`` (a masked array).

    It guards those who reach the model through it. Whoever runs code in this process can reach the model itself.
    """
    if isinstance(policy, str | Path):
        policy = read_policy(policy)
    terms = Terms(
        system=system,
        reference=reference,
        policy=policy or everything_in_shadow(find_guards(plugins)),
        log=_default_log if log is None else log,
        release=release,
        environment=environment,
        admissions=admissions,
        vault=vault,
        principal=principal,
        on_block=on_block,
        subject_key=subject_key,
        plugins=plugins,
        clock=clock,
    )
    shielded = Shield(model, terms)
    shielded.post()  # so that a policy that cannot be is found now, not at the first row
    return shielded


def _default_log() -> DecisionLog:
    from holdfast.wiring import open_shield_log

    return open_shield_log(Path.cwd())


class Shield:
    """A model behind guards; `shield` makes one. It can be pickled: each process prepares its own guards and log."""

    def __init__(self, model: Any, terms: Terms) -> None:
        self._model = model
        self._terms = terms
        self._post: Post | None = None
        self._process = 0

    def __getstate__(self) -> tuple[Any, Terms]:
        return self._model, self._terms

    def __setstate__(self, state: tuple[Any, Terms]) -> None:
        self.__init__(*state)  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<Shield of {type(self._model).__name__} for {self._terms.system}, policy {self._terms.policy.name}>"

    def __getattr__(self, name: str) -> Any:
        """Methods that answer, guarded; what the model learned (``classes_``). Nothing else of the model is shown."""
        if name in ASKED and hasattr(self._model, name):
            return self._run if name == "run" else partial(self._ask, name)
        if name.endswith("_") and not name.startswith("_"):
            return getattr(self._model, name)
        raise AttributeError(f"A shielded model has no {name!r}: it answers through {', '.join(ASKED)}, or a call.")

    def __call__(self, X: Any, **who: Any) -> Any:
        """Ask a model that is a function, or a torch module."""
        if not callable(self._model):
            raise TypeError(f"A {type(self._model).__name__} is not called; it answers through {', '.join(ASKED)}.")
        return self._ask("__call__", X, **who)

    def post(self) -> Post:
        """The system as it is served in this process: made on first use, and anew in a process that was forked."""
        if self._post is None or self._process != os.getpid():
            self._post, self._process = post_of(self._terms), os.getpid()
        return self._post

    def _ask(
        self, name: str, X: Any, *, principal: str | None = None, subjects: Sequence[Any] | None = None, trace: str = ""
    ) -> Any:
        """Ask about rows; `subjects` says whom each is about, where no column does."""
        post = self.post()
        if post.policy.subject:
            X, column = split_subject(X, post.policy.subject, post.reader.schema)
            subjects = column if subjects is None else subjects
        reading = post.reader.read(X)
        rows = for_model(X, reading, post.reader.schema)
        answer = method(self._model, name)
        asked = self._asked(reading, principal, subjects, trace, fallback=name != "predict_proba")
        return self._served(asked, lambda chosen: answer(take(rows, chosen)))

    def _run(
        self,
        output_names: Sequence[str] | None,
        feeds: Mapping[str, Any],
        *,
        principal: str | None = None,
        subjects: Sequence[Any] | None = None,
        trace: str = "",
    ) -> Any:
        """Ask an ONNX session, as its own `run`."""
        reading = self.post().reader.read(_one_table(feeds))
        session, asked = self._model, self._asked(reading, principal, subjects, trace)
        return self._served(asked, lambda chosen: session.run(output_names, take(feeds, chosen)), listed=True)

    def _asked(
        self,
        reading: Reading,
        principal: str | None,
        subjects: Sequence[Any] | None,
        trace: str,
        *,
        fallback: bool = True,
    ) -> Asked:
        people = None if subjects is None else pseudonyms(self._terms, subjects, len(reading.X))
        who = self._terms.principal if principal is None else principal
        return Asked(reading, who, people, trace, fallback=fallback)

    def _served(self, asked: Asked, ask: Callable[[Places | None], Any], *, listed: bool = False) -> Any:
        post, n = self.post(), len(asked)
        given: list[tuple[Answer, Places | None]] = []

        def reply(rows: Places | None) -> Reply:
            answer = read_answer(ask(rows), n if rows is None else len(rows), listed=listed)
            given.append((answer, rows))
            return answer.reply(labels_of(self._model, post.reader.schema))

        served = serve(post, asked, reply)
        return self._to_caller(asked, served, given[0] if given else None)

    def _to_caller(self, asked: Asked, served: Served, given: tuple[Answer, Places | None] | None) -> Any:
        post, n, policy = self.post(), len(asked), self.post().policy
        if is_kept_from(policy, served.judged.reasons):
            what = f"The release of {post.system} is not let into {post.environment} now."
            raise Forbidden("release.not-let-in", what, "Ask who lets releases in, or use one that is.")
        answers = None
        if given is not None:
            answer, rows = given
            scores = served.reply.scores if served.reply is not None else None
            answers = answer.to_caller(scores, rows, served.answered, n, policy.fallback)
        elif policy.fallback is not None and asked.fallback:
            answers = np.full(n, policy.fallback)
        stopped = np.flatnonzero(np.isin(served.ended, STOPPED)) if served.answered is not None else np.zeros(0, int)
        if not len(stopped):
            return answers
        if self._terms.on_block == "mask":
            return masked(np.zeros(0), np.zeros(0, np.int64), n) if answers is None else answers
        raise _blocked(served, stopped, answers)


def _blocked(served: Served, stopped: Places, answers: Any) -> Blocked:
    n, ids = len(served.ended), tuple(served.ids[i] for i in stopped.tolist())
    if n == 1:
        ended = "held for a person" if ENDS[served.ended[0]] is Ended.REVIEW else "blocked"
        why = [f"{o.armed.spec.title}: {o.failed or o.because}" for o in served.judged.opinions if o.any]
        message = f"The row is {ended} ({'; '.join(why)})."
    else:
        message = f"{len(stopped):,} of {n:,} rows are blocked, or held for a person."
    return Blocked(
        "shield.blocked",
        message,
        f"Decision {ids[0]} in the log says why.",
        rows=tuple(stopped.tolist()),
        decisions=ids,
        answers=answers,
    )


def _one_table(feeds: Mapping[str, Any]) -> Any:
    """A session's inputs as one table: a single matrix as it is, single columns by name."""
    if len(feeds) == 1:
        return next(iter(feeds.values()))
    import pandas as pd

    return pd.DataFrame({name: np.asarray(values).reshape(-1) for name, values in feeds.items()})
