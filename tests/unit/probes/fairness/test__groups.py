from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from holdfast.datasets.dataset import Attribute, Dataset
from holdfast.domain.schema import Feature, Kind, Schema, Task
from holdfast.groups import too_small
from holdfast.probes.fairness._groups import carriers, groupings


@pytest.fixture
def people():
    rng = np.random.default_rng(0)
    sex = rng.integers(0, 2, 1_000)
    race = np.where(np.arange(1_000) < 12, 2, rng.integers(0, 2, 1_000))
    race[:5] = -1
    protected = {
        "sex": Attribute(sex, ("female", "male")),
        "race": Attribute(race, ("Black", "white", "other")),
    }
    return Dataset(X=np.zeros((1_000, 0)), y=None, protected=protected)


def test_pairs_follow_single_attributes(people):
    names = [grouping.name for grouping in groupings(people)]
    assert names == ["sex", "race", "sex & race"]


def test_a_pair_holds_who_is_in_both(people):
    pair = groupings(people)[2]
    place = pair.groups.index("sex=male & race=Black")
    expected = (people.protected["sex"].codes == 1) & (people.protected["race"].codes == 0)
    assert ((pair.codes == place) == expected).all()
    assert pair.words[place] == "sex = male and race = Black"
    assert (pair.codes[:5] == -1).all()


def test_small_groups_are_named_and_not_judged(people):
    race = groupings(people)[1]
    assert race.judged.tolist() == [True, True, False]
    finding = too_small(groupings(people))
    assert finding is not None
    rows = dict(finding.exhibits[0].rows)
    assert rows["race=other"] == 7
    assert rows["race not recorded"] == 5


def test_two_percent_bind_where_rows_are_many():
    codes = np.repeat([0, 1], [9_850, 150])
    data = Dataset(X=np.zeros((10_000, 0)), y=None, protected={"sex": Attribute(codes, ("a", "b"))})
    assert groupings(data)[0].judged.tolist() == [True, False]


def test_nothing_is_said_where_all_groups_are_large(people):
    assert too_small([groupings(people)[0]]) is None


class TestCarriers:
    def schema(self, *features, one_hot=()):
        return Schema(task=Task.BINARY, features=features, target="y", classes=("no", "yes"), one_hot=one_hot)

    def test_the_column_of_that_name(self):
        sex = Attribute(np.arange(200) % 2, ("f", "m"))
        schema = self.schema(Feature("income", Kind.NUMBER), Feature("sex", Kind.CATEGORY, categories=("f", "m")))
        X = np.random.default_rng(0).random((200, 2))
        assert carriers(X, sex, "sex", schema) == (1,)

    def test_a_column_of_another_name_that_records_it(self):
        sex = Attribute(np.arange(200) % 2, ("f", "m"))
        schema = self.schema(Feature("income", Kind.NUMBER), Feature("is_male", Kind.INTEGER))
        X = np.column_stack([np.random.default_rng(0).random(200), np.arange(200) % 2])
        assert carriers(X, sex, "sex", schema) == (1,)

    def test_one_hot_columns_count_together(self):
        race = Attribute(np.arange(300) % 3, ("a", "b", "c"))
        names = ("race_a", "race_b", "race_c")
        schema = self.schema(*(Feature(name, Kind.INTEGER) for name in names), one_hot=(names,))
        assert carriers(np.eye(3)[np.arange(300) % 3], race, "race", schema) == (0, 1, 2)

    def test_a_strong_proxy_is_not_the_attribute(self):
        codes = np.arange(400) % 2
        column = codes.copy()
        column[:2] = 1 - column[:2]
        schema = self.schema(Feature("role", Kind.INTEGER))
        assert carriers(column[:, None].astype(float), Attribute(codes, ("f", "m")), "sex", schema) == ()

    def test_a_column_of_distinct_values_records_nothing(self):
        schema = self.schema(Feature("income", Kind.NUMBER))
        X = np.random.default_rng(0).random((200, 1))
        assert carriers(X, Attribute(np.arange(200) % 2, ("f", "m")), "sex", schema) == ()

    def test_missing_values_are_a_value(self):
        codes = np.arange(200) % 2
        schema = self.schema(Feature("maiden", Kind.NUMBER))
        X = np.where(codes == 0, np.nan, 1.0)[:, None]
        assert carriers(X, Attribute(codes, ("f", "m")), "sex", schema) == (0,)


def test_unknown_groups_are_left_out(people):
    nobody = replace(people, protected={"sex": Attribute(np.full(1_000, -1), ("f", "m"))})
    grouping = groupings(nobody)[0]
    assert grouping.sizes.tolist() == [0, 0]
    assert not grouping.judged.any()
