"""Releases of one system beside each other, as the log has them: a shadow by the cases that both heard, a canary by
what each decided of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from holdfast.domain.comparison import Agreement, Beside, Comparison, OutputBeside, Side
from holdfast.domain.decision import Ended, Lane
from holdfast.domain.measure import Interval
from holdfast.statistics import difference, wilson

OUTPUT = "output_"
NEEDED = frozenset(["id", "release", "lane", "follows", "gateway", "ended", "micros"])
MOST_VALUES = 8
"""Values of an output whose shares are told, the most frequent first."""

FEWEST = 5
"""Numbers on either side without which nothing is said of how far apart the means are."""

_CLOSE = 1e-9


def is_needed(column: str) -> bool:
    """Whether a comparison looks at a column of the log."""
    return column in NEEDED or column.startswith(OUTPUT)


def compare(system: str, rows: pd.DataFrame) -> Comparison:
    """The release that answered most cases live, and beside it each other release and lane. `rows` are of the log, with
    the columns that are needed.
    """
    if rows.empty:
        return Comparison(system, None)
    rows = _turns_as_one(rows.copy())
    groups = {(str(release), str(lane)): some for (release, lane), some in rows.groupby(["release", "lane"])}
    first = max(groups, key=lambda key: (key[1] == Lane.LIVE, len(groups[key])))
    live = groups.pop(first)
    others = sorted(groups, key=lambda key: -len(groups[key]))
    return Comparison(system, _side(first, live), tuple(_beside(key, live, groups[key]) for key in others))


def _turns_as_one(rows: pd.DataFrame) -> pd.DataFrame:
    """A turn that was told piece by piece is one: what ended it stands under the id of what opened it."""
    is_end = (rows["follows"] != "") & (rows["lane"] != Lane.SHADOW)
    rows.loc[is_end, "id"] = rows.loc[is_end, "follows"]
    return rows[(rows["ended"] != Ended.OPENED) | ~rows["id"].isin(rows.loc[is_end, "id"])]


def _side(key: tuple[str, str], rows: pd.DataFrame) -> Side:
    ended = tuple((str(name), int(count)) for name, count in rows["ended"].value_counts().items())
    p50, p95 = np.quantile(rows["micros"].to_numpy(float), [0.5, 0.95]) / 1000
    return Side(key[0], Lane(key[1]), len(rows), ended, float(p50), float(p95))


def _beside(key: tuple[str, str], live: pd.DataFrame, other: pd.DataFrame) -> Beside:
    names = [name for name in live.columns if name.startswith(OUTPUT) and name in other.columns]
    told = [name for name in names if live[name].notna().any() and other[name].notna().any()]
    outputs = [one for name in told for one in _output(name, live[name].dropna(), other[name].dropna())]
    pairs = _pairs(live, other) if key[1] == Lane.SHADOW else None
    agreements = () if pairs is None else tuple(_agreements(told, *pairs))
    return Beside(_side(key, other), tuple(outputs), agreements)


def _output(column: str, live: pd.Series, other: pd.Series) -> Iterator[OutputBeside]:
    name = column.removeprefix(OUTPUT).replace("::", ":")
    if _is_number(live) and _is_number(other):
        one, two = live.to_numpy(float), other.to_numpy(float)
        yield OutputBeside(name, "", float(one.mean()), float(two.mean()), _apart(one, two))
        return
    said, heard = live.astype(str), other.astype(str)
    for value in pd.concat([said, heard]).value_counts().index[:MOST_VALUES].tolist():
        mine, theirs = int((said == value).sum()), int((heard == value).sum())
        apart = difference(theirs, len(heard), mine, len(said))
        yield OutputBeside(name, value, mine / len(said), theirs / len(heard), apart)


def _apart(live: NDArray[np.float64], other: NDArray[np.float64]) -> Interval | None:
    """Welch's interval of the difference of two means."""
    from scipy.stats import ttest_ind

    if min(len(live), len(other)) < FEWEST or not (np.ptp(live) or np.ptp(other)):
        return None
    found = ttest_ind(other, live, equal_var=False).confidence_interval(0.95)
    return Interval(float(found.low), float(found.high), 0.95)


def _pairs(live: pd.DataFrame, shadow: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cases that both heard. The rows of a shadow follow the first row of the request that it heard, in order."""
    live = live.drop_duplicates("id").sort_values(["gateway", "id"], ignore_index=True)
    shadow = shadow.sort_values(["follows", "id"])
    place = pd.Series(live.index, index=live["id"])
    shadow = shadow[shadow["follows"].isin(place.index)]
    at = place[shadow["follows"]].to_numpy() + shadow.groupby("follows").cumcount().to_numpy()
    shadow, at = shadow[at < len(live)], at[at < len(live)]
    heard = live.iloc[at]
    is_same = heard["gateway"].to_numpy() == shadow["gateway"].to_numpy()
    return heard[is_same].reset_index(drop=True), shadow[is_same].reset_index(drop=True)


def _agreements(names: Sequence[str], live: pd.DataFrame, other: pd.DataFrame) -> Iterator[Agreement]:
    for column in names:
        both = live[column].notna() & other[column].notna()
        one, two = live.loc[both, column], other.loc[both, column]
        if not len(one):
            continue
        name = column.removeprefix(OUTPUT).replace("::", ":")
        if _is_number(one) and _is_number(two):
            gaps = np.abs(one.to_numpy(float) - two.to_numpy(float))
            same = int((gaps <= _CLOSE).sum())
            yield Agreement(name, len(gaps), same, wilson(same, len(gaps)), float(gaps.mean()), float(gaps.max()))
        else:
            same = int((one.astype(str).to_numpy() == two.astype(str).to_numpy()).sum())
            yield Agreement(name, len(one), same, wilson(same, len(one)))


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
