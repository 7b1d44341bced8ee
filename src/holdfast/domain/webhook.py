"""Webhooks: who is told, outside, of what was done here."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.act import Kept, Verb


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of acts with these `verbs` (all if empty) once they are in the ledger."""

    name: str
    url: str
    person: str
    verbs: tuple[Verb, ...] = ()
    is_active: bool = True


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A webhook, and the secret by which its receiver knows that a message is ours.

    The secret is shown once, and is empty when the same request is repeated.
    """

    webhook: Kept[Webhook]
    secret: str = ""
