"""From a served exchange to the decision log: one row as a Decision, many as columns."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from math import isfinite, isnan
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from holdfast import canonical
from holdfast.datasets.encode import UNSEEN, UNSEEN_NUMBER
from holdfast.domain.decision import Decision, Ended, Field
from holdfast.domain.policy import Policy
from holdfast.domain.schema import Feature, Kind, Scalar
from holdfast.flows.exchange import ENDS, Asked, Places, Post, Reply, Served
from holdfast.guards.armed import Opinion
from holdfast.ports import Vault

if TYPE_CHECKING:
    import pyarrow as pa

FALLBACK = "fallback"
"""The output that says what a blocked row was answered with."""

EXACT = 2**53
"""Integers below it are the same in JSON everywhere."""

FEW_ROWS = 500
"""Rows that join the journal one by one, to be sealed with others: each batch of columns is a segment of its own, with
files to sync and an entry in the ledger.
"""

ROWS_AT_ONCE = 1_000
COLUMNS_AT_ONCE = 200_000
MOST_POLICIES = 256
_DIGESTS: dict[int, tuple[Policy, str]] = {}


def record(post: Post, asked: Asked, served: Served) -> Sequence[str]:
    """Append what happened, durably; the ids of the decisions."""
    if len(asked) <= FEW_ROWS or (post.policy.personal and post.vault is not None):
        return _append_rows(post, asked, served)
    return _append_columns(post, asked, served) if len(asked) else ()


def _append_rows(post: Post, asked: Asked, served: Served) -> list[str]:
    """Row by row: what is sealed is bound to its decision and its person."""
    ids: list[str] = []
    for start in range(0, len(asked), ROWS_AT_ONCE):
        rows = range(start, min(start + ROWS_AT_ONCE, len(asked)))
        made = [decided(post, asked, served, row, post.ids.next()) for row in rows]
        decisions = without_personal(post.vault, post.policy.personal, made)
        post.log.append(decisions)
        ids += [decision.id for decision in decisions]
    return ids


def without_personal(vault: Vault | None, personal: Sequence[str], decisions: list[Decision]) -> list[Decision]:
    """Personal fields under the subject's key; without a vault, or anybody whose key it could be, they are left out."""
    if not personal:
        return decisions
    theirs = [decision for decision in decisions if decision.subject] if vault is not None else []
    sealed = {decision.id: decision for decision in vault.seal_all(theirs, personal)} if vault and theirs else {}
    return [sealed.get(decision.id) or _bare(decision, personal) for decision in decisions]


def _bare(decision: Decision, personal: Sequence[str]) -> Decision:
    return replace(
        decision,
        inputs=tuple(field for field in decision.inputs if field[0] not in personal),
        outputs=tuple(field for field in decision.outputs if field[0] not in personal),
    )


def decided(post: Post, asked: Asked, served: Served, row: int, id: str) -> Decision:
    """What happened to one row, under this id, personal fields and all."""
    schema, judged = post.reader.schema, served.judged
    values = asked.reading.X[row].tolist()
    return Decision(
        id=id,
        at=stamp(judged.now),
        system=post.system,
        release=post.release,
        environment=post.environment,
        lane=asked.lane,
        ended=ENDS[served.ended[row]],
        gateway=post.gateway,
        principal=asked.principal,
        subject=asked.subjects[row] if asked.subjects else "",
        inputs=tuple([(f.name, _plain(value, f)) for f, value in zip(schema.features, values, strict=True)]),
        outputs=_outputs(post, served, row),
        verdicts=tuple([opinion.verdict(row) for opinion in judged.opinions]),
        reasons=judged.reasons,
        snapshot=post.snapshot,
        micros=micros_since(judged.started),
        trace=asked.trace,
        follows=asked.follows,
        policy=policy_digest(post.policy),
        reference=post.ground.digest,
    )


def policy_digest(policy: Policy) -> str:
    """A policy's digest, by identity: policies that Python calls equal (1 and True) have digests of their own."""
    known = _DIGESTS.get(id(policy))
    if known is None or known[0] is not policy:
        if len(_DIGESTS) >= MOST_POLICIES:
            _DIGESTS.clear()
        known = _DIGESTS[id(policy)] = policy, canonical.digest(policy)
    return known[1]


def micros_since(started: float) -> int:
    """Microseconds since a moment of `perf_counter`."""
    return int(1e6 * (perf_counter() - started))


def stamp(now: datetime) -> str:
    """RFC 3339 in UTC with microseconds."""
    return now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _outputs(post: Post, served: Served, row: int) -> tuple[Field, ...]:
    if ENDS[served.ended[row]] is Ended.FALLBACK:
        return ((FALLBACK, post.policy.fallback),)
    place = row if served.answered is None else int(np.searchsorted(served.answered, row))
    was_answered = served.answered is None or (place < len(served.answered) and served.answered[place] == row)
    if served.reply is None or not was_answered:
        return ()
    return values_of(served.reply, place)


def values_of(reply: Reply, place: int) -> tuple[Field, ...]:
    """The answer to one row, by column."""
    return tuple([(name, _scalar(values[place])) for name, values in reply.columns()])


def _plain(value: float, feature: Feature) -> Scalar | None:
    """A cell of a row matrix as a value that people know."""
    if value != value:  # noqa: PLR0124 -- NaN is not itself
        return None
    if feature.kind is Kind.CATEGORY:
        return feature.categories[int(value)] if value >= 0 else _unseen(feature)
    return int(value) if feature.kind is Kind.INTEGER and value.is_integer() and abs(value) < EXACT else value


def _unseen(feature: Feature) -> Scalar:
    """What stands for a value outside the list: what was sent is anybody's text, and is not kept."""
    return UNSEEN if any(isinstance(category, str) for category in feature.categories) else UNSEEN_NUMBER


def _scalar(value: Any) -> Scalar | None:
    """An output as a record holds it; as text where it is nothing else that JSON can hold exactly."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float):
        return plain if isfinite(plain) else None if isnan(plain) else str(plain)
    exact = plain is None or isinstance(plain, str | bool) or (isinstance(plain, int) and abs(plain) < EXACT)
    return plain if exact else str(plain)


def _append_columns(post: Post, asked: Asked, served: Served) -> Sequence[str]:
    """By column. Larger tables come in parts: whoever asked hears nothing before all are in the log."""
    table, judged = _table(post, asked, served), served.judged
    constant = {
        "at": stamp(judged.now),
        "system": post.system,
        "release": post.release,
        "environment": post.environment,
        "lane": asked.lane.value,
        "principal": asked.principal,
        "reasons": json.dumps(judged.reasons),
        "snapshot": post.snapshot,
        "micros": micros_since(judged.started),
        "trace": asked.trace,
        "follows": asked.follows,
        "policy": policy_digest(post.policy),
        "reference": post.ground.digest,
    }
    ids: list[str] = []
    for start in range(0, len(asked), COLUMNS_AT_ONCE):
        ids += post.log.append_batch(table.slice(start, COLUMNS_AT_ONCE), **constant)
    return ids


def _table(post: Post, asked: Asked, served: Served) -> pa.Table:
    """What differs by row, as the log has it."""
    import pyarrow as pa

    personal = post.policy.personal
    named = [*_input_columns(post, asked), *_output_columns(post, served, len(asked))]
    columns = {f"{way}_{name.replace(':', '::')}": column for way, name, column in named if name not in personal}
    columns["ended"] = pa.array([end.value for end in ENDS]).take(pa.array(served.ended))
    columns["verdicts"] = _verdict_column(served.judged.opinions, len(asked))
    if asked.subjects is not None:
        columns["subject"] = pa.array(asked.subjects)
    return pa.table(columns)


def _verdict_column(opinions: Sequence[Opinion], n: int) -> pa.Array:
    """The verdicts of each row as JSON. Rows share a text: of a flagged score one digit is kept."""
    import pandas as pd
    import pyarrow as pa

    said = np.column_stack([np.where(o.flagged, _one_digit(o.score), np.nan) for o in opinions] or [np.zeros((n, 0))])
    flagged = np.column_stack([o.flagged for o in opinions] or [np.zeros((n, 0), dtype=bool)])
    factors = np.random.default_rng(0).integers(2**62, 2**63, (2, len(opinions)), dtype=np.uint64)
    alike = (said.view(np.uint64) * factors[0] + flagged * factors[1]).sum(axis=1)
    code, distinct = pd.factorize(alike)
    first = np.full(len(distinct), n, dtype=np.int64)
    np.minimum.at(first, code, np.arange(n))
    texts = [_text(opinions, said[row].tolist(), flagged[row].tolist()) for row in first.tolist()]
    return pa.DictionaryArray.from_arrays(pa.array(code, pa.int32()), pa.array(texts))


def _one_digit(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** -np.floor(np.log10(np.abs(scores)))
        return np.where(np.isfinite(scale), np.rint(scores * scale) / scale, scores)


def _text(opinions: Sequence[Opinion], scores: Sequence[float], flags: Sequence[bool]) -> str:
    """The verdicts as JSON, without what says nothing."""
    verdicts = [
        {name: value for name, value in asdict(opinion.said(flag, score)).items() if _says_something(value)}
        for opinion, score, flag in zip(opinions, scores, flags, strict=True)
    ]
    return json.dumps(verdicts, ensure_ascii=False, separators=(",", ":"))


def _says_something(value: object) -> bool:
    return value is not None and value is not False and value not in ("", ())


def _input_columns(post: Post, asked: Asked) -> Iterator[tuple[str, str, pa.Array]]:
    for j, feature in enumerate(post.reader.schema.features):
        yield "input", feature.name, _input_column(asked.reading.X[:, j], feature)


def _input_column(values: NDArray[np.float64], feature: Feature) -> pa.Array:
    import pyarrow as pa

    missing = np.isnan(values)
    mask = missing if missing.any() else None
    if feature.kind is Kind.CATEGORY:
        codes = np.where(missing | (values < 0), len(feature.categories), values).astype(np.int32)
        return pa.array(_labels(feature)).take(pa.array(codes, mask=mask))
    if feature.kind is Kind.INTEGER and (missing | ((np.rint(values) == values) & (np.abs(values) < EXACT))).all():
        return pa.array(np.where(missing, 0, values).astype(np.int64), mask=mask)
    return pa.array(values, mask=mask)


def _labels(feature: Feature) -> list[Scalar | None]:
    """The values of a category in code order, and what stands for any other, as one type."""
    categories = feature.categories
    if any(isinstance(category, str) for category in categories):
        return [*map(str, categories), UNSEEN]
    if any(isinstance(category, bool) for category in categories):
        return [*categories, None]
    return [*categories, UNSEEN_NUMBER]


def _output_columns(post: Post, served: Served, n: int) -> Iterator[tuple[str, str, pa.Array]]:
    """What each row was answered, null where it was not."""
    import pyarrow as pa

    if served.reply is not None:
        for name, values in served.reply.columns():
            yield "output", name, _wide(_output_column(values), served.answered, n)
    fallback = served.ended == ENDS.index(Ended.FALLBACK)
    if fallback.any():
        yield "output", FALLBACK, pa.array([post.policy.fallback] * n, mask=~fallback)


def _output_column(values: NDArray[Any]) -> pa.Array:
    """The values as one type; as text where they are of several, or of one that no file knows."""
    import pyarrow as pa

    try:
        return pa.array(np.ascontiguousarray(values), from_pandas=True)
    except pa.ArrowException:
        return pa.array([None if value is None else str(value) for value in values.tolist()], pa.string())


def _wide(column: pa.Array, places: Places | None, n: int) -> pa.Array:
    import pyarrow as pa

    if places is None:
        return column
    where = np.full(n, -1, dtype=np.int64)
    where[places] = np.arange(len(places))
    return column.take(pa.array(where, mask=where < 0))
