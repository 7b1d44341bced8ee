"""`holdfast drift`: its exit codes, its one document, its page."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from holdfast.cli.main import app


@pytest.fixture
def tables(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"income": rng.lognormal(10, 0.5, 2_000), "region": rng.choice(["n", "e\x1b[31m"], 2_000)})
    frame.to_parquet(tmp_path / "then.parquet")
    frame.sample(1_500, random_state=1).to_csv(tmp_path / "same.csv", index=False)
    frame.assign(income=frame.income * 1.5).to_csv(tmp_path / "moved.csv", index=False)
    frame.head(12).to_csv(tmp_path / "few.csv", index=False)
    return tmp_path


def drift(folder, current, *words):
    done = CliRunner().invoke(app, ["drift", str(folder / "then.parquet"), str(folder / current), *words])
    return done.exit_code, done.output


@pytest.mark.parametrize(("current", "code"), [("same.csv", 0), ("moved.csv", 1), ("few.csv", 3), ("absent.csv", 2)])
def test_the_exit_code_says_how_it_is(tables, current, code):
    assert drift(tables, current)[0] == code


def test_the_screen_says_what_moved_and_what_next(tables):
    _, said = drift(tables, "moved.csv")
    assert "One of two columns drifted: income." in said
    assert "median" in said
    assert "--html" in said.splitlines()[-1]
    assert "\x1b" not in said


def test_the_document_has_all(tables):
    code, said = drift(tables, "moved.csv", "--json", "--limit", "0.05")
    document = json.loads(said)
    assert (code, document["outcome"], document["limit"]) == (1, "breach", 0.05)
    income = document["columns"][0]
    assert (income["bins"]["name"], income["standing"]) == ("income", "drifted")
    assert sum(income["current"]["cells"]) == 2_000


def test_the_page_is_written(tables):
    code, said = drift(tables, "moved.csv", "--html", str(tables / "drift.html"), "--exclude", "region")
    assert code == 1
    assert "drift.html" in "".join(said.split()), "a long path wraps"
    assert "<svg" in (tables / "drift.html").read_text()
    assert drift(tables, "moved.csv", "--html", str(tables / "few.csv/x.html"))[0] == 2
