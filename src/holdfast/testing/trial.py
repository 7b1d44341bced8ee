"""A probe's own proof that it works: a planted flaw that it must find, a clean twin on which it stays quiet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdfast.probes.contract import Case


@dataclass(frozen=True)
class Trial:
    """`planted` and `clean` build a Case from a seed, with a real small model; `finds` is the slug of the finding that
    must appear on the first and not on the second. On the clean twin no finding above INFO may appear at all.
    """

    planted: Callable[[int], Case]
    clean: Callable[[int], Case]
    finds: str
