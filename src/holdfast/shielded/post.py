"""From what a shield is told to a system that is served in this process."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

from holdfast import canonical
from holdfast.datasets.raw import Reader
from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Stage
from holdfast.domain.ids import Ids
from holdfast.domain.policy import Policy
from holdfast.domain.reference import Reference
from holdfast.flows.exchange import Post
from holdfast.guards.armed import arm
from holdfast.guards.contract import Ground
from holdfast.plugins import find_guards
from holdfast.ports import Admitting, Clock, DecisionLog, Vault

OnBlock = Literal["raise", "mask"]


@dataclass(frozen=True)
class Terms:
    """All that a shield is made of but the model; see `shield`."""

    system: str
    reference: Reference
    policy: Policy
    log: DecisionLog | Callable[[], DecisionLog]
    release: str
    environment: str
    admissions: Admitting | None
    vault: Vault | None
    principal: str
    on_block: OnBlock
    subject_key: bytes
    plugins: tuple[str, ...]
    clock: Clock


_PROCESS_KEY = secrets.token_bytes(32)


def post_of(terms: Terms) -> Post:
    """The system, with its guards prepared and its log opened; FixInput for a policy that cannot be."""
    specs, policy = find_guards(terms.plugins), terms.policy
    if policy.unreleased not in (Action.BLOCK, Action.FLAG):
        raise FixInput(
            "policy.unreleased",
            f"`unreleased` cannot be {policy.unreleased}.",
            "Say block or flag; a gateway can review.",
        )
    log, schema = _opened(terms.log), terms.reference.schema
    roles = (policy.subject, schema.id, schema.source, schema.time, *schema.protected)
    name = f"{socket.gethostname().partition('.')[0]}-{os.getpid()}-{secrets.token_hex(3)}"
    return Post(
        system=terms.system,
        release=terms.release,
        environment=terms.environment,
        gateway=getattr(log, "gateway", name),
        policy=policy,
        ground=Ground(terms.reference),
        reader=Reader(schema, [name for name in roles if name]),
        before=arm(policy, terms.reference, specs, Stage.BEFORE),
        after=arm(policy, terms.reference, specs, Stage.AFTER),
        log=log,
        clock=terms.clock,
        ids=Ids(),
        admissions=terms.admissions,
        snapshot="" if terms.admissions is None else _digest(terms.admissions),
        vault=terms.vault,
    )


def _opened(log: DecisionLog | Callable[[], DecisionLog]) -> DecisionLog:
    return log() if callable(log) else log


def _digest(admissions: Admitting) -> str:
    try:
        return canonical.digest(admissions)
    except TypeError:  # not a record
        return ""


def pseudonyms(terms: Terms, subjects: Sequence[Any], n: int) -> list[str]:
    """What stands for each person; empty for nobody."""
    if len(subjects) != n:
        raise FixInput("shield.subjects", f"{len(subjects)} subjects for {n} rows.", "Give one for each row, or None.")
    if terms.vault is not None:
        return [terms.vault.pseudonym(str(who)) if _is_somebody(who) else "" for who in subjects]
    key = (terms.subject_key or _PROCESS_KEY)[:64]
    names = (str(who).encode() if _is_somebody(who) else b"" for who in subjects)
    return [blake2b(name, key=key, digest_size=32).hexdigest() if name else "" for name in names]


def _is_somebody(who: Any) -> bool:
    return who is not None and who == who and who != ""  # noqa: PLR0124 -- NaN is not itself
