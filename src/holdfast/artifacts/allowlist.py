"""What a pickle may import, by exact name, and what it may do with it. The scan and the loader both ask here."""

from __future__ import annotations

import _compat_pickle
from collections.abc import Mapping
from enum import Flag, auto
from functools import cache
from pathlib import Path


class Use(Flag):
    """What a pickle may do with an import. Any import on the list may also stand as a plain value.

    `NEW`: make an instance without running ``__init__`` (NEWOBJ, ``copyreg._reconstructor``) and set its state (BUILD).
    `CALL`: call it with any data (REDUCE). `ITEMS`: fill the instance as a mapping (SETITEMS). `PAIR`: its state may be
    a pair, which for any type without a ``__setstate__`` of its own would set attributes one by one.
    """

    VALUE = 0
    NEW = auto()
    CALL = auto()
    ITEMS = auto()
    PAIR = auto()


VOUCHED = Use.NEW | Use.CALL | Use.ITEMS | Use.PAIR
"""For what the user added to the list by name."""

_SECTIONS = {
    "values": Use.VALUE,
    "classes": Use.NEW,
    "calls": Use.CALL,
    "mappings": Use.NEW | Use.CALL | Use.ITEMS,
    "pairs": Use.PAIR,
}


@cache
def listed() -> Mapping[tuple[str, str], Use]:
    """Every (module, name) in ``allowlist.toml`` (audited by hand) and ``sklearn.toml`` (generated), and its uses."""
    import tomllib

    uses: dict[tuple[str, str], Use] = {}
    for file in ("allowlist.toml", "sklearn.toml"):
        table = tomllib.loads(Path(__file__).with_name(file).read_text("utf-8"))
        for section, modules in table.items():
            for module, names in modules.items():
                for name in names.split():
                    uses[module, name] = uses.get((module, name), Use.VALUE) | _SECTIONS[section]
    return uses


def allowed_use(module: str, name: str, extra: frozenset[str] = frozenset()) -> Use | None:
    """The uses of an import; None if it is on neither the list nor `extra` (``package.module.Class``)."""
    if f"{module}.{name}" in extra:
        return VOUCHED
    return listed().get((module, name))


def native_name(module: str, name: str, protocol: int) -> tuple[str, str]:
    """The import that CPython makes of a name in a pickle: below protocol 3 it translates those of Python 2."""
    if protocol < 3:
        mapped = _compat_pickle.NAME_MAPPING.get((module, name))
        return mapped or (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
    return module, name
