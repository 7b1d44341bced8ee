"""A small bank: applicants, fitted models of several libraries, and a reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from holdfast.datasets.encode import decode
from holdfast.domain.guard import Action, Mode
from holdfast.domain.policy import GuardTerms, Policy
from holdfast.guards.learn import learn_reference
from holdfast.testing.decisions import MemoryLog
from holdfast.testing.tables import credit_rows, credit_schema

ENFORCED = Policy(
    "credit",
    "1",
    (GuardTerms("table.schema", Mode.ENFORCE), GuardTerms("table.range", Mode.ENFORCE, action=Action.BLOCK)),
)


def applicants(n: int, seed: int) -> pd.DataFrame:
    return decode(credit_rows(n, seed).X, credit_schema())


@pytest.fixture(scope="session")
def bank():
    data = credit_rows(1_500, 1)
    train = decode(data.X, credit_schema())
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["housing", "purpose"]), remainder="passthrough"
    )
    forest = RandomForestClassifier(20, min_samples_leaf=5, random_state=0)
    model = make_pipeline(encode, forest).fit(train, np.where(data.y == 1, "yes", "no"))
    return model, learn_reference(train, credit_schema())


@pytest.fixture(scope="session")
def numbers():
    """The numeric columns alone, as a matrix, with labels, and a reference of them."""
    data = credit_rows(1_500, 1)
    names = credit_schema().names[:5]
    schema = replace(credit_schema(), features=credit_schema().features[:5])
    return data.X[:, :5], data.y, learn_reference(pd.DataFrame(data.X[:, :5], columns=list(names)), schema)


@pytest.fixture
def log():
    return MemoryLog()
