"""What a gateway needs from outside, and what all of its systems share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from holdfast.decisions.log import SegmentLog
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.chat.prompts import Prompts, Safe
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.review.held import HeldFolder
from holdfast.gateway.tools.approvals import Approvals
from holdfast.ports import Vault


class GatewayVault(Vault, Safe, Protocol):
    """Keys by person, and keys of what else is kept sealed."""


@dataclass(frozen=True)
class Premises:
    """What a gateway needs from outside: its `folder` (of the document, and of relative paths), log, vault and time."""

    folder: Path
    home: Path
    token: str
    log: SegmentLog
    vault: GatewayVault
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class Shared:
    """What all systems of a gateway share."""

    environment: str
    premises: Premises
    follower: Follower
    held: HeldFolder
    prompts: Prompts
    observer: Observer
    approvals: Approvals
