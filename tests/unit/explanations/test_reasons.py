"""Principal reasons: their order, how sure it is, their words, and what is wrong with them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.domain.errors import FixInput
from holdfast.explanations.explanation import OTHERS, Explanation, Part
from holdfast.explanations.reasons import principal_reasons
from holdfast.explanations.wording import Wording, plainly, read_wording, said


def part(feature, contribution, error=0.01, **more):
    known = {"value": 3, "usual": 5, "above": False, "is_protected": False, "is_fixed": False}
    return Part(feature, (feature,), contribution=contribution, error=error, **{**known, **more})


def explained(*parts, pull=-1):
    return Explanation(
        decided="no",
        outcome="yes",
        is_adverse=True,
        pull=pull,
        scale="log-odds",
        answer=0.2,
        score=-1.4,
        base=0.0,
        threshold=0.0,
        parts=parts,
        method="TreeSHAP",
        compared=100,
        asked=1,
    )


FIVE = explained(
    part("a", -1.0),
    part("b", 0.9),
    part("c", -0.8),
    part("d", -0.6),
    part("e", -0.5),
    part("f", -0.4),
    part("g", -0.001),
)


def test_at_most_four_of_what_pulled_the_decision_that_way():
    found = principal_reasons(FIVE, Wording())
    assert [reason.feature for reason in found.principal] == ["a", "c", "d", "e"]
    assert [round(reason.share, 3) for reason in found.principal] == [0.303, 0.242, 0.182, 0.151]
    assert all(reason.is_settled for reason in found.principal)
    assert found.rivals == ()
    assert [reason.feature for reason in principal_reasons(replace(FIVE, pull=1), Wording()).principal] == ["b"]


def test_reasons_that_errors_do_not_tell_apart_are_called_so():
    found = principal_reasons(explained(*(replace(one, error=0.06) for one in FIVE.parts)), Wording())
    assert [reason.is_settled for reason in found.principal] == [True, True, False, False]
    assert found.rivals == ("f",)
    assert any("f pulled about as much" in problem for problem in found.problems)


def test_a_protected_attribute_is_never_a_reason_without_saying_that_this_is_a_problem():
    found = principal_reasons(explained(part("sex", -1.0, is_protected=True), part("a", -0.5)), Wording())
    assert found.has_protected
    assert found.problems[0].startswith("The decision rests on sex, an attribute that the law protects")
    assert not principal_reasons(FIVE, Wording()).has_protected


def test_nothing_that_pulled_is_said_and_what_stays_together_is_no_reason():
    assert principal_reasons(explained(part("a", 0.5)), Wording()).problems[0].startswith("Nothing that is known")
    found = principal_reasons(explained(part(OTHERS, -2.0), part("a", -1.0)), Wording())
    assert [reason.feature for reason in found.principal] == ["a"]
    assert any("67%" in problem for problem in found.problems)


def test_words_are_somebodys_own_or_made_from_the_column(tmp_path):
    (tmp_path / "reasons.yaml").write_text(
        "reasons:\n"
        "  debt_to_income: {code: R02, high: Your debts are high., low: They are low., missing: No debts stated.}\n"
        "  late: {say: You paid late., name: late payments}\n"
    )
    wording = read_wording(tmp_path / "reasons.yaml")
    debt = part("debt_to_income", -1.0)
    told = [
        wording.tell(replace(debt, above=True)),
        wording.tell(debt),
        wording.tell(replace(debt, value=None, above=None)),
    ]
    assert [one.sentence for one in told] == ["Your debts are high.", "They are low.", "No debts stated."]
    assert {one.code for one in told} == {"R02"}
    assert wording.tell(part("late", -1.0)).sentence == "You paid late."
    assert (wording.name("late"), wording.name("years_employed")) == ("late payments", "years employed")
    made = wording.tell(part("years_employed", -1.0, value=2, usual=7))
    assert (made.sentence, made.code) == ("Years employed: 2, which is lower than usual (7).", "years_employed")
    assert not made.is_own
    assert wording.tell(part("home", -1.0, value=None, above=None)).sentence == "Home: not given."
    unsaid = wording.tell(replace(debt, above=None))
    assert (unsaid.is_own, unsaid.sentence) == (False, "Debt to income: 3.")
    (tmp_path / "reasons.yaml").write_text("reasons: {late: {sya: x}}")
    with pytest.raises(FixInput, match="sya"):
        read_wording(tmp_path / "reasons.yaml")


def test_hostile_names_and_values_become_plain_words():
    assert plainly("in\x1b[2Jcome\u202e_\n<b>") == "in [2Jcome <b>"
    assert plainly("\x00") == "(a column without a name)"
    assert said("a\nb_c") == "a b c"
    assert [said(value) for value in (1_234_567.8, 0.123456, 1e-7, True, None, 12_000)] == [
        "1,234,568", "0.1235", "1e-07", "yes", "missing", "12,000",
    ]  # fmt: skip
