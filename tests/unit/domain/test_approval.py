"""Law 2: an approval lapses when a digest changes, and nobody approves a request of their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from holdfast.domain.approval import Approval, Delegation, Discipline, Mandate, approved_by, holds, mandates, uncovered

NOW = datetime(2026, 11, 1, tzinfo=UTC)
DIGESTS = frozenset({"sha256:verdict", "sha256:release"})
APPROVAL = Approval(
    person="ann",
    role="risk",
    reason="within appetite",
    bound_to=("sha256:verdict", "sha256:release"),
    given_at="2026-10-01T00:00:00Z",
    expires_at="2027-01-01T00:00:00Z",
)


def test_an_approval_of_what_is_current_holds():
    assert holds(APPROVAL, digests=DIGESTS, barred=frozenset({"bob"}), now=NOW)


@given(st.sampled_from(sorted(DIGESTS)), st.text(min_size=1))
def test_it_lapses_when_any_digest_changes(gone, other):
    changed = (DIGESTS - {gone}) | {"sha256:other" + other}
    assert not holds(APPROVAL, digests=changed, barred=frozenset({"bob"}), now=NOW)


def test_it_is_worth_nothing_when_bound_to_nothing():
    assert not holds(replace(APPROVAL, bound_to=()), digests=DIGESTS, barred=frozenset({"bob"}), now=NOW)


def test_the_requester_never_counts():
    assert not holds(APPROVAL, digests=DIGESTS, barred=frozenset({"ann"}), now=NOW)


@given(st.integers(0, 4000))
def test_it_does_not_hold_before_it_was_given_nor_after_it_expired(hours):
    past = datetime(2026, 10, 1, tzinfo=UTC) - timedelta(hours=hours, seconds=1)
    after = datetime(2027, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
    assert not holds(APPROVAL, digests=DIGESTS, barred=frozenset({"bob"}), now=past)
    assert not holds(APPROVAL, digests=DIGESTS, barred=frozenset({"bob"}), now=after)


def covered(approvals, roles):
    return approved_by(tuple(approvals), roles=frozenset(roles), digests=DIGESTS, barred=frozenset({"bob"}), now=NOW)


def test_each_role_needs_a_person_of_its_own():
    legal = replace(APPROVAL, role="legal")
    assert not covered([APPROVAL, legal], {"risk", "legal"})
    assert covered([APPROVAL, replace(legal, person="cem")], {"risk", "legal"})
    assert covered([APPROVAL, legal, replace(APPROVAL, person="dee")], {"risk", "legal"})


def test_no_role_to_cover_is_no_approval():
    assert not covered([APPROVAL], set())


def test_dissent_never_counts():
    assert not holds(replace(APPROVAL, says_yes=False), digests=DIGESTS, barred=frozenset(), now=NOW)


def test_standing_in_for_somebody_who_is_barred_does_not_count():
    stand_in = replace(APPROVAL, on_behalf_of="bob")
    assert holds(stand_in, digests=DIGESTS, barred=frozenset({"cem", ""}), now=NOW)
    assert not holds(stand_in, digests=DIGESTS, barred=frozenset({"bob"}), now=NOW)


@given(st.dictionaries(st.sampled_from("abcde"), st.sets(st.sampled_from("vwxyz")), min_size=1))
def test_as_few_roles_as_can_be_stay_uncovered(people):
    approvals = [replace(APPROVAL, person=person, role=role) for role in people for person in people[role]]
    left = uncovered(approvals, roles=frozenset(people), digests=DIGESTS, barred=frozenset(), now=NOW)
    assert len(people) - len(left) == most_covered(sorted(people), people, frozenset())


def most_covered(roles, people, taken):
    if not roles:
        return 0
    rest = [1 + most_covered(roles[1:], people, taken | {person}) for person in people[roles[0]] - taken]
    return max([most_covered(roles[1:], people, taken), *rest])


def test_a_mandate_is_an_office_or_a_delegation_by_its_holder_while_it_lasts():
    given_away = Delegation("ann", "cem", Discipline.RISK, "2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z")
    by_a_stranger = Delegation("cem", "dee", Discipline.RISK, "2026-10-01T00:00:00Z", "2026-12-01T00:00:00Z")
    over = replace(given_away, delegate="eve", until="2026-10-31T00:00:00Z")
    found = mandates([("ann", "risk")], [given_away, by_a_stranger, over], NOW)
    assert found == {Mandate("ann", "risk"), Mandate("cem", "risk", "ann")}
