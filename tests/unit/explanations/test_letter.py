"""The letter: what each law asks for is in it, nothing more than the policy lets out, and no text does harm."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from tests.unit.explanations.test_reasons import explained, part

from holdfast.domain.errors import FixInput
from holdfast.domain.policy import Disclosure
from holdfast.explanations.account import Account
from holdfast.explanations.counterfactuals import Change, Way, Ways
from holdfast.explanations.letter import PROTECTED, LetterTerms, read_regime, regimes, write_letter
from holdfast.explanations.reasons import principal_reasons
from holdfast.explanations.wording import ReasonsDocument, Wording
from holdfast.reports.letter import to_html, to_text

WORDING = Wording(
    ReasonsDocument.model_validate(
        {"reasons": {"income": {"code": "R01", "low": "Your income is low for the amount that you asked for."}}}
    )
)
EXPLANATION = explained(
    part("income", -1.0, value=22.5, usual=54.0), part("late_payments", -0.6, value=2, usual=1, above=True)
)
TERMS = LetterTerms(
    organisation="First Bank",
    address="1 Main Street, Springfield",
    contact="our customer service, 555-0100",
    review="Write to us within 30 days and a credit officer will look at your application again.",
    agency="the Example Agency, Washington, DC",
    data=["what you told us", "a report by Example Bureau"],
    decisions={"no": "we did not approve your application"},
    consequence="You do not get the loan from us.",
)
WAY = Way((Change("income", 22.5, 40.0), Change("late_payments", 2, 1)), 0.4, None, 0.5, (40.0, 1.0))
HOSTILE = "<script>alert(1)</script>\x1b]0;x\x07\u202e{contact}\n- injected"


def account(explanation=EXPLANATION, wording=WORDING, inputs=(("income", 22.5), ("late_payments", 2))):
    return Account(
        decision="01a221af-6f6d-7000-8968-d35da861e512",
        system="credit",
        release="sha256:" + "a" * 64,
        at="2026-11-28T20:00:00.000000Z",
        inputs=inputs,
        explanation=explanation,
        reasons=principal_reasons(explanation, wording),
        ways=Ways((WAY,), "yes", 900),
        notes=(),
    )


def written(law="gdpr", terms=TERMS, disclosure=None, **more):
    known = account(**more)
    return write_letter(known, read_regime(law), terms, WORDING, disclosure or Disclosure(), day="29 November 2026")


EXPECTED = """\
First Bank
1 Main Street, Springfield

29 November 2026
Reference: 01a221af-6f6d-7000-8968-d35da861e512

How we decided about you

Dear customer,

WHAT WAS DECIDED

On 28 Nov 2026, we did not approve your application.

The decision was made by an automated system. What it means for you: You
do not get the loan from us.

HOW THE SYSTEM DECIDES

The system compares what is known about you with what it learned from
past cases, and works out a score from all of it together. From a set
score on it decides one way, below it the other.

WHAT MATTERED MOST

These facts moved the decision where it went, the one that weighed most
first:

- Your income is low for the amount that you asked for.
- Late payments: 2, which is higher than usual (1).

WHAT WOULD HAVE CHANGED IT

If nothing else had been different, the system would have decided
otherwise in each of these cases:

- Income 40 instead of 22.5 and late payments 1 instead of 2.

This describes the decision that was made. It is no promise about a new
one.

WHAT WE USED

We used what you told us and a report by Example Bureau. The facts that
the system was given about you are:

- Income: 22.5
- Late payments: 2

YOUR RIGHTS

You can have a person look at this decision, tell us how you see it, and
contest it. Write to us within 30 days and a credit officer will look at
your application again.

You can also ask for a copy of what we keep about you, and have it put
right if it is wrong. Ask our customer service, 555-0100.

Yours sincerely,
First Bank
"""


def test_the_letter_under_the_gdpr_reads_like_this():
    assert to_text(written()) == EXPECTED


def test_each_law_gets_what_it_asks_for():
    assert regimes() == ("ai_act", "gdpr", "reg_b")
    notice = to_text(written("reg_b"))
    assert "PRINCIPAL REASONS" in notice
    assert "Equal Credit Opportunity Act" in notice
    assert "concerning this creditor is the Example Agency," in " ".join(notice.split())
    role = to_text(written("ai_act"))
    assert "THE PART THAT THE AI SYSTEM PLAYED" in role
    assert "The decision was made by the AI system." in role
    for law in regimes():
        text = " ".join(to_text(written(law)).split())
        assert "{" not in text
        assert "Write to us within 30 days" in text
        assert all(clause.id for clause in read_regime(law).clauses)
    with pytest.raises(FixInput, match="There is no letter"):
        read_regime("../secrets")


def test_terms_that_a_law_asks_for_are_missed_and_no_notice_is_written_of_good_news():
    with pytest.raises(FixInput, match="needs: agency"):
        written("reg_b", TERMS.model_copy(update={"agency": ""}))
    with pytest.raises(FixInput, match="went the person's way"):
        written("reg_b", explanation=replace(EXPLANATION, is_adverse=False))


def test_no_score_is_told_unless_terms_and_policy_both_let_it():
    asked = TERMS.model_copy(update={"scores": True})
    assert "0.20" in to_text(written(terms=asked))
    assert "was 0.2 on" in to_text(written(terms=asked, disclosure=Disclosure(digits=1)))
    for terms, disclosure in ((TERMS, Disclosure()), (asked, Disclosure(decision_only=True))):
        assert "The score for" not in to_text(written(terms=terms, disclosure=disclosure))
    quiet = to_text(written(terms=TERMS.model_copy(update={"ways": False})))
    assert "instead of" not in quiet
    assert "WHAT WOULD HAVE CHANGED IT" not in quiet


def test_a_protected_reason_is_called_a_fault_in_the_letter_too():
    protected = explained(part("sex", -1.0, value="female", usual="male", above=None, is_protected=True))
    assert PROTECTED in " ".join(to_text(written(explanation=protected)).split())


def test_hostile_names_and_values_are_harmless_in_text_and_page():
    hostile = explained(part(HOSTILE, -1.0, value=HOSTILE, usual="b", above=None))
    letter = written(
        explanation=hostile, inputs=((HOSTILE, HOSTILE),), terms=TERMS.model_copy(update={"data": [HOSTILE]})
    )
    text, page = to_text(letter), to_html(letter).decode()
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert not re.search(r"^- injected", text, re.MULTILINE)
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in re.sub(r"&lt;.*?&gt;", "", page)


def test_the_page_says_the_same_and_needs_nothing_from_elsewhere():
    page = to_html(written()).decode()
    for passage in written().passages:
        assert passage.heading in page
        assert all(item in page for item in passage.items)
    assert "default-src 'none'" in page
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "<script" not in page
