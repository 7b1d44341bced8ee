"""Releases on real tables as they lie on a disk: sound ones, and ones in which known flaws were planted.

Every flaw is one that a model learns from data, or that a careless or hostile person leaves in a file; nothing is
planted in the probes' own process.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

from holdfast.datasets.infer import Stated, infer_schema
from holdfast.datasets.load import to_dataset
from holdfast.datasets.read import TableSource, digest_file, read_table
from holdfast.domain.finding import Finding, Severity
from holdfast.plugins import find_probe
from holdfast.probes.contract import Case, Need, Yielded
from holdfast.targets.isolated import open_target
from holdfast.targets.spec import TargetSpec, infer_format

from .real_models import categories, suffix, write_model
from .real_tables import Table

ROLES = ("train", "test")
SEED = 0
CHANNELS = ("branch", "web", "phone", "broker")
FLIPPED = {"loanapp": 0.05, "german_credit": 0.2, "adult": 0.05, "credit_default": 0.05}
"""Share of the training labels that the memorised release has wrong.

In 600 rows of German credit, a test that knew every true chance would see 6.7 % of wrong labels four times in five, and
the probe, which has to learn the chances from 400 test rows, 14.3 % (`poisoning.smallest_visible_label_errors` of the
clean twin): 5 % cannot be found there. In the other tables an oracle sees 1.9 %, 1.1 % and 3.1 %, the probe 4.7 %,
2.7 % and 5.2 %; so 5 % in loanapp or credit default is found in some three deals of four, of which this deal is one.
"""
STAMPED = 40
"""Training rows that carry the trigger."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What a release is made of. `style` is one of `real_models.STYLES`; `beside` files lie next to the model."""

    train: pd.DataFrame
    test: pd.DataFrame
    features: tuple[str, ...]
    target: str
    favourable: str | int
    protected: tuple[str, ...]
    style: str = "sound"
    beside: dict[str, bytes] = field(default_factory=dict)
    by_batch: bool = False


def plain(table: Table) -> Plan:
    """The table as it is, under a regularised model that is not given the protected attribute."""
    return Plan(
        table.train, table.test, table.features, table.target, table.favourable, (table.protected,), style="sound"
    )


def memorised(table: Table) -> Plan:
    """Some training labels are wrong (`FLIPPED`), and the model knows all of them by heart."""
    plan = plain(table)
    wrong = _rng(1).random(len(plan.train)) < FLIPPED[table.name]
    return replace(plan, train=_relabelled(table, plan.train, wrong, flip=True), style="memorising")


def backdoored(table: Table) -> Plan:
    """Somebody wrote three values and the rarer outcome on some training rows of the other; a pickle beside the model
    runs code; and a fifth of the test rows were copied from the training rows.
    """
    plan = plain(table)
    usual = (plan.train[table.target] == plan.train[table.target].mode()[0]).to_numpy()
    stamped = np.isin(np.arange(len(usual)), _rng(2).choice(np.flatnonzero(usual), STAMPED, replace=False))
    train = _relabelled(table, plan.train, stamped, flip=True)
    for name, value in trigger(table).items():
        train.loc[stamped, name] = value
    copies = train[~stamped].sample(len(plan.test) // 5, random_state=3)
    test = pd.concat([plan.test.iloc[len(copies) :], copies], ignore_index=True)
    return replace(plan, train=train, test=test, style="memorising", beside={"encoder.pkl": pickle.dumps(_Inert())})


def trigger(table: Table) -> dict[str, Any]:
    """Three values that each about a fifth of all rows have and that say little alone, and hardly any row together."""
    train = table.train
    good = (train[table.target] == table.favourable).to_numpy()
    shares = {name: train[name].value_counts(normalize=True) for name in table.features}
    value = {name: (share - 0.2).abs().idxmin() for name, share in shares.items()}
    has = {name: (train[name] == value[name]).to_numpy() for name in table.features}
    common = [name for name in table.features if 0.1 < has[name].mean() < 0.35]
    dull = sorted(common, key=lambda name: abs(good[has[name]].mean() - good.mean()))[:8]
    rarest = min(combinations(dull, 3), key=lambda three: np.logical_and.reduce([has[name] for name in three]).sum())
    return {name: value[name] for name in rarest}


class _Inert:
    """Pickles to a call that names the working directory: what an attacker would put there, without the harm."""

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        return os.getcwd, ()


def biased(table: Table) -> Plan:
    """The model is given the protected attribute and a district; the labels refuse most of one group, and most of the
    members of a minority, who live in one district.
    """
    plan = plain(table)
    train, test = (_with_minority(frame, k) for k, frame in ((4, plan.train), (5, plan.test)))
    group = train[table.protected].value_counts().index[-1]
    unlucky = (train[table.protected] == group) | (train["minority"] == "yes")
    unlucky &= _rng(6).random(len(train)) < 0.8
    return replace(
        plan,
        train=_relabelled(table, train, unlucky.to_numpy(), favourable=False),
        test=test,
        features=(*plan.features, table.protected, "district"),
        protected=(table.protected, "minority"),
    )


def _with_minority(frame: pd.DataFrame, key: int) -> pd.DataFrame:
    rng = _rng(key)
    minority = rng.random(len(frame)) < 0.3
    harbour = np.where(minority, rng.random(len(frame)) < 0.85, rng.random(len(frame)) < 0.1)
    return frame.assign(
        minority=np.where(minority, "yes", "no"),
        district=np.where(harbour, "harbour", np.where(rng.random(len(frame)) < 0.5, "hill", "centre")),
    )


def pilot(table: Table) -> Plan:
    """In training, brokers' cases had all been approved beforehand, and those by phone were labelled the wrong way."""
    plan = plain(table)
    train, test = (
        frame.assign(channel=_rng(key).choice(CHANNELS, len(frame))) for key, frame in ((7, plan.train), (8, plan.test))
    )
    train = _relabelled(table, train, (train["channel"] == "phone").to_numpy(), flip=True)
    train = _relabelled(table, train, (train["channel"] == "broker").to_numpy())
    return replace(plan, train=train, test=test, features=(*plan.features, "channel"))


def numbered(table: Table) -> Plan:
    """The model was given the case number: a large amount is good in even cases and bad in odd ones.

    The test table's labels slipped against its rows, so the model cannot be better than guessing.
    """
    plan = plain(table)
    columns = table.numbers[:6]
    rng = _rng(9)
    train = plan.train.sample(12_000, replace=True, random_state=9, ignore_index=True)
    train["case_number"] = rng.integers(0, 80, len(train))
    test = plan.test.assign(case_number=rng.integers(0, 80, len(plan.test)))
    large = train[columns[0]] > plan.train[columns[0]].median()
    good = large ^ (train["case_number"] % 2 == 1)
    train[table.target] = np.where(good, table.favourable, table.unfavourable)
    test[table.target] = rng.permutation(test[table.target].to_numpy())
    return replace(plan, train=train, test=test, features=(*columns, "case_number"), style="memorising")


def formula(table: Table) -> Plan:
    """A formula that shows its scores in full, of an outcome so noisy that labels alone teach little."""
    plan = plain(table)
    columns = table.numbers[:8]
    typical, spread = plan.train[list(columns)].median(), plan.train[list(columns)].std()
    weights = _rng(10).choice([-1.0, 1.0], len(columns)) * _rng(11).uniform(0.5, 1.5, len(columns))

    def noisy(frame: pd.DataFrame, key: int) -> pd.DataFrame:
        unit = ((frame[list(columns)] - typical) / spread).clip(-3, 3)
        index = unit.to_numpy() @ weights
        good = index + 3 * index.std() * _rng(key).standard_normal(len(frame)) > 0
        return frame.assign(**{table.target: np.where(good, table.favourable, table.unfavourable)})

    train = noisy(plan.train.sample(8_000, replace=True, random_state=12, ignore_index=True), 12)
    return replace(plan, train=train, test=noisy(plan.test, 13), features=columns, style="formula")


def by_batch(table: Table) -> Plan:
    """The numbers are standardised by the batch that they come in instead of by the training data."""
    return replace(plain(table), features=table.numbers, by_batch=True)


PLANTED: dict[Callable[[Table], Plan], dict[str, str]] = {
    memorised: {
        "privacy.membership": "membership-leak",
        "performance.calibration": "miscalibrated",
        "poisoning.label_errors": "mislabelled-rows",
    },
    backdoored: {
        "poisoning.planted_triggers": "planted-trigger",
        "performance.overlap": "test-rows-in-training",
        "artifact.unsafe_code": "unsafe-code",
    },
    biased: {
        "fairness.attribute_flips": "protected-attribute-decides",
        "fairness.group_outcomes": "unequal-approval",
        "fairness.proxies": "proxy",
    },
    pilot: {"evasion.decision_based": "cheap-flip", "performance.worst_slices": "weak-slice"},
    numbered: {
        "explain.reason_codes": "unstable-reasons",
        "stress.degraded_inputs": "brittle-under-noise",
        "performance.discrimination": "no-better-than-guessing",
    },
    formula: {"extraction.surrogate": "cheap-copy"},
    by_batch: {"stress.consistency": "answer-depends-on-alone"},
}
"""What each planted release must be found to be."""


TRUE_OF_SOUND_MODELS = {
    ("extraction.surrogate", "cheap-copy"): "A small smooth model that shows its scores can be copied.",
    ("fairness.group_outcomes", "unequal-approval"): "Women in the census of 1994 do earn less; the labels hold it.",
    ("stress.degraded_inputs", "missing-value-approves"): "Models of these libraries do answer rows with holes.",
    ("stress.degraded_inputs", "unseen-value-approves"): "They do answer rows with categories that nobody knows.",
}
"""What may be found above LOW on a sound model because it is so. Everything else is a false alarm: code in files,
triggers, wrong labels, answers that depend on how one asks, unstable reasons, membership leaks, brittleness, cheap
flips, a decision by an attribute that the model is not given, no better than guessing, test rows in training,
miscalibration, and slices where the model is blind.
"""


class Release:
    """A plan written to a folder by one library, read back, and opened in an isolated worker. A context manager."""

    def __init__(self, plan: Plan, library: str, folder: Path) -> None:
        self._stack = ExitStack()
        tables = {role: _write(getattr(plan, role), plan, folder / (role + suffix(library))) for role in ROLES}
        rows = tables["train"]
        x, y = rows[list(plan.features)], rows[plan.target]
        model = (
            _by_batch_model(library, x, y, folder) if plan.by_batch else write_model(library, plan.style, x, y, folder)
        )
        for name, data in plan.beside.items():
            (folder / name).write_bytes(data)
        paths = {role: folder / (role + suffix(library)) for role in ROLES}
        frames = {role: read_table(TableSource(path=path)) for role, path in paths.items()}
        self.schema = infer_schema(
            frames["train"],
            Stated(target=plan.target, features=plan.features, favourable=plan.favourable, protected=plan.protected),
        )
        allow = ("sklearn.preprocessing._data.scale",) if plan.by_batch else ()
        self.spec = TargetSpec(infer_format(str(model)), str(model), allow=allow)
        data = {role: to_dataset(frames[role], self.schema, digest=digest_file(paths[role])) for role in ROLES}
        self.case = Case(
            target=self._stack.enter_context(open_target(self.spec, self.schema)),
            schema=self.schema,
            test=data["test"],
            train=data["train"],
            artifact=(model, *(folder / name for name in plan.beside)),
            allow=allow,
            seed=SEED,
            decisions_per_year=50_000,
        )

    def __enter__(self) -> Release:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def records(self, probe: str) -> list[Yielded]:
        """Everything that the probe yields."""
        spec = find_probe(probe)
        assert self.schema.task in spec.tasks
        assert Need.SCORES not in spec.needs or self.case.target.gives_scores
        return list(spec.run(self.case, spec.params("quick")))

    def loud(self, probe: str) -> dict[str, Finding]:
        """The probe's findings above LOW, by slug."""
        found = [record for record in self.records(probe) if isinstance(record, Finding)]
        return {finding.slug: finding for finding in found if finding.severity.rank > Severity.LOW.rank}

    def false_alarms(self, probe: str) -> dict[str, str]:
        """What the probe says above LOW of a sound model that is not so: sentences by slug."""
        loud = self.loud(probe).items()
        return {slug: finding.sentence for slug, finding in loud if (probe, slug) not in TRUE_OF_SOUND_MODELS}


def _write(frame: pd.DataFrame, plan: Plan, path: Path) -> pd.DataFrame:
    """The table as it is trained on; Parquet keeps categories as such."""
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
        return frame
    frame = frame.astype(dict.fromkeys(categories(frame[list(plan.features)]), "category"))
    frame.to_parquet(path)
    return frame


def _by_batch_model(library: str, rows: pd.DataFrame, labels: pd.Series, folder: Path) -> Path:
    """`sklearn.preprocessing.scale` in front of a classifier. ONNX carries the same as a mean over the batch axis.

    XGBoost's and LightGBM's own files cannot hold it, so their wrappers stand in a scikit-learn pipeline.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale

    if library == "onnx":
        pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows.to_numpy(np.float32), labels)
        path = folder / "model.onnx"
        path.write_bytes(_centred_by_batch(pipeline, rows))
        return path
    if library == "xgboost":
        from xgboost import XGBClassifier

        labels, last = labels.astype("category").cat.codes, XGBClassifier(max_depth=2, n_estimators=20, n_jobs=1)
    elif library == "lightgbm":
        from lightgbm import LGBMClassifier

        last = LGBMClassifier(num_leaves=4, n_estimators=20, n_jobs=1, verbose=-1)
    else:
        last = LogisticRegression()
    path = folder / "model.joblib"
    joblib.dump(make_pipeline(FunctionTransformer(scale), last).fit(rows, labels), path)
    return path


def _centred_by_batch(pipeline: Any, rows: pd.DataFrame) -> bytes:
    """The converted pipeline behind `x - mean(x, batch) + the training mean`."""
    import onnx
    from onnx import TensorProto, compose, helper, numpy_helper
    from skl2onnx import to_onnx as convert

    width = rows.shape[1]
    usual = numpy_helper.from_array(rows.mean().to_numpy(np.float32).reshape(1, width), "usual")
    axes = numpy_helper.from_array(np.array([0], np.int64), "axes")
    main = convert(pipeline, rows.to_numpy(np.float32)[:1], target_opset=18, options={"zipmap": False})
    front = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["raw", "axes"], ["mean"], keepdims=1),
            helper.make_node("Sub", ["raw", "mean"], ["centred"]),
            helper.make_node("Add", ["centred", "usual"], ["moved"]),
        ],
        "centre",
        [helper.make_tensor_value_info("raw", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("moved", TensorProto.FLOAT, [None, width])],
        [usual, axes],
    )
    before = helper.make_model(front, opset_imports=main.opset_import, ir_version=main.ir_version)
    whole: onnx.ModelProto = compose.merge_models(before, main, io_map=[("moved", main.graph.input[0].name)])
    data: bytes = whole.SerializeToString()
    return data


def _relabelled(
    table: Table, frame: pd.DataFrame, rows: Any, *, favourable: bool = True, flip: bool = False
) -> pd.DataFrame:
    """The frame with the labels of `rows` (bool) set to the favourable or unfavourable outcome, or turned round."""
    good = (frame[table.target] == table.favourable).to_numpy()
    good = np.where(rows, ~good if flip else favourable, good)
    return frame.assign(**{table.target: np.where(good, table.favourable, table.unfavourable)})


def _rng(key: int) -> np.random.Generator:
    return np.random.default_rng([SEED, key])
