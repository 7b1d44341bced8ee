"""Work that takes long, beside the loop, which others wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

MOST_AT_ONCE = 256 * 1024

T = TypeVar("T")


async def beside(size: int, work: Callable[[], T], most: int = MOST_AT_ONCE) -> T:
    """What this much needs done: at once, or beside the loop where it is more than `most` bytes or characters."""
    return work() if size <= most else await asyncio.to_thread(work)
