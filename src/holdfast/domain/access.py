"""Who may do what: one table. Everything that a route, a command or a page allows follows from it."""

from __future__ import annotations

from enum import StrEnum

from holdfast.domain.person import Person, Role


class Permission(StrEnum):
    """What can be allowed."""

    READ = "read"
    READ_PEOPLE = "people.read"
    COMMENT = "comment"
    MANAGE_SYSTEMS = "systems.manage"
    OVERRIDE_TIER = "tier.override"
    REGISTER_RELEASES = "releases.register"
    ASK_GATE = "gate.ask"
    ASK_WAIVER = "waiver.ask"
    APPROVE = "approve"
    DEPLOY = "deploy"
    PROPOSE_APPETITE = "appetite.propose"
    ENACT_APPETITE = "appetite.enact"
    PROPOSE_PEOPLE = "people.propose"
    ENACT_PEOPLE = "people.enact"
    TRUST_SEALERS = "sealers.trust"
    VERIFY_LEDGER = "ledger.verify"
    EXPORT_LEDGER = "ledger.export"
    MANAGE_WEBHOOKS = "webhooks.manage"
    TRIP_BREAKER = "breakers.trip"
    RESET_BREAKER = "breakers.reset"
    ISSUE_CREDENTIALS = "credentials.issue"
    RUN_GATEWAY = "gateway.run"
    READ_DECISIONS = "decisions.read"
    READ_PERSONAL = "personal.read"
    READ_PROMPTS = "prompts.read"
    LABEL_DECISIONS = "decisions.label"
    SET_RETENTION = "retention.set"
    MANAGE_HOLDS = "holds.manage"
    REMOVE_SEGMENTS = "segments.remove"
    DECIDE_REVIEWS = "reviews.decide"
    FORGET_SUBJECTS = "reviews.forget"
    SET_WATCH = "watch.set"
    SETTLE_ALERTS = "alerts.settle"
    CLOSE_INCIDENTS = "incidents.close"


_APPROVERS = frozenset(role for role in Role if role.discipline)
_EVERYBODY = frozenset(Role)
_DOERS = _EVERYBODY - {Role.VIEWER, Role.AUDITOR}

GRANTS: dict[Permission, frozenset[Role]] = {
    Permission.READ: _EVERYBODY,
    Permission.READ_PEOPLE: frozenset({Role.ADMIN, Role.AUDITOR}),
    Permission.COMMENT: _DOERS,
    Permission.MANAGE_SYSTEMS: frozenset({Role.OWNER}),
    Permission.OVERRIDE_TIER: frozenset({Role.APPROVER_COMPLIANCE}),
    Permission.REGISTER_RELEASES: frozenset({Role.DEVELOPER, Role.OWNER}),
    Permission.ASK_GATE: frozenset({Role.DEVELOPER, Role.OWNER}),
    Permission.ASK_WAIVER: frozenset({Role.OWNER}),
    Permission.APPROVE: _APPROVERS,
    Permission.DEPLOY: frozenset({Role.OWNER, Role.DEVELOPER}),
    Permission.PROPOSE_APPETITE: _APPROVERS | {Role.OWNER},
    Permission.ENACT_APPETITE: frozenset({Role.APPROVER_RISK, Role.APPROVER_COMPLIANCE}),
    Permission.PROPOSE_PEOPLE: frozenset({Role.ADMIN}),
    Permission.ENACT_PEOPLE: frozenset({Role.ADMIN}),
    Permission.TRUST_SEALERS: frozenset({Role.APPROVER_IT}),
    Permission.VERIFY_LEDGER: _EVERYBODY,
    Permission.EXPORT_LEDGER: frozenset({Role.ADMIN, Role.AUDITOR}),
    Permission.MANAGE_WEBHOOKS: frozenset({Role.ADMIN}),
    Permission.TRIP_BREAKER: _APPROVERS | {Role.OWNER, Role.DEVELOPER},
    Permission.RESET_BREAKER: frozenset({Role.APPROVER_RISK, Role.APPROVER_IT}),
    Permission.ISSUE_CREDENTIALS: frozenset({Role.OWNER}),
    Permission.RUN_GATEWAY: frozenset({Role.OWNER, Role.DEVELOPER}),
    Permission.READ_DECISIONS: _APPROVERS | {Role.OWNER, Role.AUDITOR},
    Permission.READ_PERSONAL: frozenset({Role.OWNER, Role.APPROVER_COMPLIANCE}),
    Permission.READ_PROMPTS: frozenset({Role.OWNER, Role.DEVELOPER}),
    Permission.LABEL_DECISIONS: frozenset({Role.OWNER, Role.DEVELOPER}),
    Permission.SET_RETENTION: frozenset({Role.APPROVER_LEGAL, Role.APPROVER_COMPLIANCE}),
    Permission.MANAGE_HOLDS: frozenset({Role.APPROVER_LEGAL, Role.APPROVER_COMPLIANCE}),
    Permission.REMOVE_SEGMENTS: frozenset({Role.OWNER}),
    Permission.DECIDE_REVIEWS: frozenset({Role.REVIEWER}),
    Permission.FORGET_SUBJECTS: frozenset({Role.REVIEWER, Role.OWNER, Role.DEVELOPER}),
    Permission.SET_WATCH: frozenset({Role.OWNER}),
    Permission.SETTLE_ALERTS: _APPROVERS | {Role.OWNER, Role.DEVELOPER},
    Permission.CLOSE_INCIDENTS: _APPROVERS | {Role.OWNER},
}
"""Which roles grant a permission. An admin manages people and approves nothing; an auditor reads all, changes none.
Whoever decides a review sees all of one person's data, so that is a role of its own. Gateways tell whom to forget, so
whoever runs them may.
"""


def permissions(person: Person) -> frozenset[Permission]:
    """What a person may do; nothing while inactive."""
    if not person.is_active:
        return frozenset()
    return frozenset(permission for permission, roles in GRANTS.items() if roles & set(person.roles))
