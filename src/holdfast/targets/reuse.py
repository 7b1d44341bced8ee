"""One open model a process: the next probe in line asks the worker that the last one left, unless it was harmed.

Starting a worker costs a second or two of imports, which twenty probes need not pay twenty times. Each probe still
counts its own queries.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from holdfast.domain.schema import Schema
from holdfast.ports import Target
from holdfast.targets.direct import Metered
from holdfast.targets.isolated import IsolatedTarget, open_target
from holdfast.targets.spec import TargetSpec

_left = threading.local()


@contextmanager
def borrow_target(spec: TargetSpec, schema: Schema) -> Iterator[Target]:
    """The model, open, for one probe. Errors as for `open_target`. Threads never share a worker."""
    target = _take(spec, schema)
    try:
        yield Metered(target, sys.maxsize)
    except BaseException:
        target.close()
        raise
    if target.is_alive:
        _left.open = (spec, schema, target)


def release_target() -> None:
    """Close the worker that this thread's last probe left open."""
    kept: tuple[TargetSpec, Schema, IsolatedTarget] | None = getattr(_left, "open", None)
    _left.open = None
    if kept is not None:
        kept[2].close()


def _take(spec: TargetSpec, schema: Schema) -> IsolatedTarget:
    kept: tuple[TargetSpec, Schema, IsolatedTarget] | None = getattr(_left, "open", None)
    if kept is not None and kept[:2] == (spec, schema) and kept[2].is_alive:
        _left.open = None
        return kept[2]
    release_target()
    return open_target(spec, schema)
