"""Texts spun from templates: ``{one|other}`` is a choice, ``<name>`` another template of that name."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

_INNER = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"<([a-z_0-9]+)>")


def spin(template: str, names: Mapping[str, Sequence[str]], rng: random.Random) -> str:
    """One of the texts that the template stands for; what it chooses is chosen first, then what it names."""
    for _ in range(40):
        before = template
        template = _INNER.sub(lambda match: rng.choice(match[1].split("|")), template)
        if template == before:
            template = _NAME.sub(lambda match: rng.choice(names.get(match[1], (match[0],))), template)
        if template == before:
            return template.replace("⟦", "{").replace("⟧", "}")
    raise ValueError(f"a template without an end: {template:.80}")


def said_otherwise(text: str, rng: random.Random) -> str:
    """As people type it: at times in capitals or without, without its stop, with a space too many."""
    kind = rng.random()
    if kind < 0.08:
        return text.upper()
    if kind < 0.2:
        return text.lower()
    if kind < 0.28:
        return text.rstrip(".!?。")
    return text.replace(". ", ".  ") if kind < 0.32 else text
