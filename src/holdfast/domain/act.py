"""Acts: what people and machines do that somebody may have to answer for. Few, and all of them in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verb(StrEnum):
    """Everything that can be done; the vocabulary of the audit trail."""

    REGISTER_SYSTEM = "system.register"
    CHANGE_SYSTEM = "system.change"
    RETIRE_SYSTEM = "system.retire"
    CLASSIFY = "system.classify"
    OVERRIDE_TIER = "system.override-tier"
    REGISTER_RELEASE = "release.register"
    RECORD_EVIDENCE = "evidence.record"
    GIVE_VERDICT = "verdict.give"
    REQUEST_RELEASE = "release.request"
    DEPLOY = "deployment.start"
    WITHDRAW_DEPLOYMENT = "deployment.end"
    APPROVE = "approval.give"
    REFUSE = "approval.refuse"
    REVOKE_APPROVAL = "approval.revoke"
    REQUEST_WAIVER = "waiver.request"
    DELEGATE = "delegation.give"
    END_DELEGATION = "delegation.end"
    COMMENT = "comment.write"
    PROPOSE = "proposal.make"
    ENACT = "proposal.enact"
    DROP_PROPOSAL = "proposal.drop"
    SET_APPETITE = "appetite.set"
    SET_COMMITTEE = "committee.set"
    ADD_PERSON = "person.add"
    CHANGE_PERSON = "person.change"
    ISSUE_TOKEN = "token.issue"  # noqa: S105 - a verb, not a password
    REVOKE_TOKEN = "token.revoke"  # noqa: S105 - a verb, not a password


@dataclass(frozen=True, slots=True)
class Act:
    """One act, as it stands in the ledger: digests and pseudonyms, never content.

    `id` is what makes the same request the same act (an idempotency key, or random); `kind` and `key` name the record
    that it made or changed, and `revision` counts the acts on that record from 1; `record` is the digest of the record
    as it stands after the act. `actor` is a person's or a service's pseudonym, `at` an RFC 3339 UTC time.
    """

    id: str
    verb: Verb
    kind: str
    key: str
    revision: int
    record: str
    actor: str
    at: str
    format: str = "holdfast-act/1"
