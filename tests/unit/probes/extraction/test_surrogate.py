from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from holdfast.domain.finding import Finding, Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.schema import Task
from holdfast.probes.contract import Case, Yielded
from holdfast.probes.extraction.surrogate import ADVANTAGE, BASELINE, FIDELITY, QUERIES_TO, R2, Params, run
from holdfast.testing.tables import case_of, credit_rows, credit_schema
from holdfast.testing.trials.extraction import surrogate as trial

SMALL = Params(queries=(60, 150), own=100, held_out=300, rounded=False, blind=False)


def ask(case: Case, params: Params = SMALL) -> list[Yielded]:
    return list(run.run(case, params))


def values(records: list[Yielded], measure: str, **scope: str) -> list[Measurement]:
    return [
        r for r in records if isinstance(r, Measurement) and r.measure == measure and set(scope.items()) <= set(r.scope)
    ]


def findings(records: list[Yielded]) -> dict[str, Finding]:
    return {r.slug: r for r in records if isinstance(r, Finding)}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_finds_the_open_book_and_stays_quiet_on_the_closed_one(seed: int):
    assert findings(ask(trial.planted(seed)))[trial.finds].severity is Severity.HIGH
    assert not findings(ask(trial.clean(seed)))


def test_the_same_seed_gives_the_same_records_and_all_are_declared():
    first, second = ask(trial.clean(0)), ask(trial.clean(0))
    assert first == second
    assert {r.measure for r in first if isinstance(r, Measurement)} <= {measure.id for measure in run.measures}


def test_the_copy_stands_beside_the_thief_who_asks_nothing():
    case = trial.planted(0)
    records = ask(case, replace(SMALL, rounded=True))
    unasked = values(records, BASELINE.id, holds="100")[0]
    for sees in ("scores", "rounded scores", "decisions"):
        for queries in ("60", "150"):
            fidelity = values(records, FIDELITY.id, sees=sees, queries=queries)[0]
            gain = values(records, ADVANTAGE.id, sees=sees, queries=queries)[0]
            assert gain.value == pytest.approx(fidelity.value - unasked.value)
            assert gain.interval is not None
            assert gain.interval.low <= gain.value <= gain.interval.high
    reached = [values(records, measure.id, sees="scores")[0].value for measure in QUERIES_TO.values()]
    assert all(less <= more for less, more in pairwise(reached))
    assert values(records, FIDELITY.id, sees="scores", queries="60")[0].value > 0.98


def test_a_level_that_is_not_reached_is_not_reported():
    records = ask(trial.clean(0))
    assert max(m.value for m in values(records, FIDELITY.id)) < 0.9
    assert not [values(records, measure.id) for measure in QUERIES_TO.values() if values(records, measure.id)]


def test_the_sentence_says_what_it_costs_and_how_long_it_takes():
    sentence = findings(ask(trial.planted(0)))["cheap-copy"].sentence
    assert sentence.startswith("With 60 questions a competitor gets a copy that agrees with the model on ")
    assert "without asking it would reach " in sentence
    assert sentence.endswith("The model decides that many cases in less than a day.")
    slow = replace(trial.planted(0), decisions_per_year=1_000)
    assert findings(ask(slow))["cheap-copy"].sentence.endswith("in 22 days.")
    unknown = replace(trial.planted(0), decisions_per_year=None)
    assert "decides that many" not in findings(ask(unknown))["cheap-copy"].sentence


def test_no_more_questions_than_the_checkpoints_allow():
    case = trial.clean(0)
    ask(case)
    assert case.target.queries == 300 + 150  # the held-out rows, and the thief's questions


def test_regression():
    from sklearn.linear_model import LinearRegression

    schema = replace(credit_schema(), task=Task.REGRESSION, classes=(), favourable=None)
    rows = credit_rows(500, 1)
    noisy = replace(rows, y=rows.X[:, 0] - rows.X[:, 1] + np.random.default_rng(0).normal(0, 60, 500))
    model = LinearRegression().fit(noisy.X, noisy.y)
    records = ask(case_of(model, schema, None, noisy))
    assert values(records, R2.id)[-1].value > 0.999
    assert "within a tenth of its spread" in findings(records)["cheap-copy"].sentence


def test_several_classes_of_which_one_never_occurs():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    schema = replace(credit_schema(), task=Task.MULTICLASS, classes=("a", "b", "c", "never"), favourable=None)
    rows = credit_rows(400, 1)
    data = replace(rows, y=np.digitize(rows.X[:, 0], [45, 70]).astype(np.int64))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(data.X, data.y)
    case = case_of(
        model, schema, None, data, answer=lambda X: np.column_stack([model.predict_proba(X), np.zeros(len(X))])
    )
    assert values(ask(case), FIDELITY.id, sees="scores")[-1].value > 0.95


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spoil", ["missing", "constant", "empty column", "unseen", "unlabelled", "one label"])
def test_survives(spoil: str):
    from sklearn.ensemble import RandomForestClassifier

    test = credit_rows(160, 2)
    model = RandomForestClassifier(20, random_state=0).fit(test.X, test.y)
    if spoil == "missing":
        test.X[np.random.default_rng(0).random(test.X.shape) < 0.2] = np.nan
    elif spoil in {"constant", "empty column"}:
        test.X[:, 2] = 3.0 if spoil == "constant" else np.nan
    elif spoil == "unseen":
        test.X[:30, 5] = -1
    else:
        test.y[: 20 if spoil == "unlabelled" else None] = -1 if spoil == "unlabelled" else 0
    records = ask(case_of(model, credit_schema(), None, test), replace(SMALL, queries=(60, 100)))
    assert len(values(records, FIDELITY.id)) == 4


@pytest.mark.parametrize("rows", [0, 1, 7, 90])
def test_a_handful_of_rows_is_said_to_be_too_few(rows: int):
    case = trial.planted(0)
    records = ask(replace(case, test=case.test.take(np.arange(rows))))
    assert [f.slug for f in findings(records).values()] == ["too-few-rows"]
    assert len(records) == 1


def test_a_thief_who_knows_the_ranges_alone_is_measured_beside_the_others():
    records = ask(trial.planted(0), replace(SMALL, blind=True))
    blind = values(records, FIDELITY.id, holds="ranges", sees="scores")
    assert [dict(m.scope)["queries"] for m in blind] == ["60", "150"]
    assert blind[-1].value > 0.9, "a formula is solved from any rows"
    assert values(records, QUERIES_TO[0.9].id, holds="ranges")
    unknown = trial.planted(0)
    features = tuple(replace(feature, low=None) for feature in unknown.schema.features)
    unknown = replace(unknown, schema=unknown.schema.with_features(features))
    assert not values(ask(unknown, replace(SMALL, blind=True)), FIDELITY.id, holds="ranges")
