"""What the tests of several rooms share: a project folder with a real model and its tables."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from argon2 import PasswordHasher
from tests.postgresql import cluster, database

os.environ.setdefault("OMP_NUM_THREADS", "1")

DATABASES = tuple(os.environ.get("HOLDFAST_TEST_DATABASES", "sqlite").split(","))
"""On which the flows and the server are tested; stores are tested on both in any case."""


@pytest.fixture(scope="session", autouse=True)
def quick_passwords():
    """Hashes of passwords cost next to nothing here. Yields what makes them elsewhere."""
    from holdfast.storage import accounts

    with pytest.MonkeyPatch.context() as patch:
        before = accounts.HASHER
        patch.setattr(accounts, "HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield before


def pytest_collection_modifyitems(config, items):
    """What is marked `one_database` runs on the first alone: it asks nothing of a store that others do not."""
    again = [item for item in items if item.get_closest_marker("one_database") and _database(item) != DATABASES[0]]
    config.hook.pytest_deselected(items=again)
    items[:] = [item for item in items if item not in again]


def _database(item) -> str:
    return item.callspec.params.get("governed", DATABASES[0]) if hasattr(item, "callspec") else DATABASES[0]


MANIFEST = """\
holdfast: 1
system: {{name: credit, tier: high, decisions_per_year: 10000}}
model: {{path: {model}}}
data:
  test: test.csv
  train: train.csv
  target: approved
  favourable: "yes"
  protected: [sex]
{more}
"""


def credit_table(n: int, seed: int) -> pd.DataFrame:
    from holdfast.datasets.encode import decode
    from holdfast.testing.tables import credit_rows, credit_schema

    rows = credit_rows(n, seed)
    frame = decode(rows.X, credit_schema()).drop(columns=["housing", "purpose"])
    sex = np.array(rows.protected["sex"].labels)[rows.protected["sex"].codes]
    return frame.assign(sex=sex, approved=np.where(rows.y == 1, "yes", "no"))


class Project:
    """A folder with `holdfast.yaml`, a model and two tables, and the command line to run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.train, self.test = credit_table(400, 1), credit_table(300, 2)
        self.train.to_csv(folder / "train.csv", index=False)
        self.test.to_csv(folder / "test.csv", index=False)
        self.features = [c for c in self.train.columns if c not in ("sex", "approved")]
        self.fit()
        self.write()

    def fit(self, model=None) -> None:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        model = model or make_pipeline(StandardScaler(), LogisticRegression())
        model.fit(self.train[self.features], self.train["approved"])
        joblib.dump(model, self.folder / "model.joblib")

    def write(self, model: str = "model.joblib", more: str = "  exclude: [sex]") -> None:
        (self.folder / "holdfast.yaml").write_text(MANIFEST.format(model=model, more=more))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-c", "from holdfast.cli.main import run; run()", *words]

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            self.command(*words), cwd=self.folder, capture_output=True, text=True, timeout=300,
            env={**os.environ, **environment}, check=False,
        )  # fmt: skip

    def check(self, *words: str, **environment: str):
        """The whole run as a document, and the exit code."""
        done = self.run("check", "--effort", "quick", "--json", *words, **environment)
        return json.loads(done.stdout), done.returncode


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path)


@pytest.fixture(scope="session")
def postgresql_server():
    with cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'holdfast.db'}"
        return
    with database(request.getfixturevalue("postgresql_server")) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory):
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("template") / "holdfast.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server):
    """The name of a migrated database, to be copied."""
    with database(postgresql_server) as url:
        migrate(url)
        yield url.rpartition("/")[2]


def migrate(url: str) -> None:
    from holdfast.storage.engine import open_engine
    from holdfast.storage.schema import upgrade

    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()


@pytest.fixture(params=DATABASES)
def governed(request, tmp_path):
    """An empty store with its schema in place, on each database that is asked for."""
    from holdfast.storage.engine import open_engine
    from holdfast.storage.sql import SqlStore

    with ExitStack() as stack:
        if request.param == "sqlite":
            shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "holdfast.db")
            url = f"sqlite:///{tmp_path / 'holdfast.db'}"
        else:
            template = request.getfixturevalue("postgresql_template")
            url = stack.enter_context(database(request.getfixturevalue("postgresql_server"), template))
        engine = open_engine(url)
        stack.callback(engine.dispose)
        yield SqlStore(engine)


@pytest.fixture
def store(database_url):
    from holdfast.storage.engine import open_engine
    from holdfast.storage.schema import upgrade
    from holdfast.storage.sql import SqlStore

    engine = open_engine(database_url)
    upgrade(engine)
    yield SqlStore(engine)
    engine.dispose()
