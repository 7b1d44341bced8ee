"""Prompts: templates that a gateway fills in, so that whoever calls never holds them.

The form is a subset of Dotprompt: ``{{name}}`` is a variable, and ``{{role "user"}}`` begins the message of another
speaker. What stands before the first such mark is the system's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from holdfast.domain.errors import FixInput

PROMPT = "prompt"
"""The role that a prompt plays among the materials of a release."""

ROLES = ("system", "user", "model")
_MARK = re.compile(r'\{\{\s*(?:role\s+"([^"{}]*)"|([A-Za-z_][A-Za-z0-9_]*))\s*\}\}')

MOST_VALUE = 200_000
"""Characters of one variable."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one speaker says: texts, and between each and the next a variable."""

    role: str
    texts: tuple[str, ...]
    variables: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with each variable's value in its place, as it is: a value that looks like a mark is none."""
        parts = [self.texts[0]]
        for variable, text in zip(self.variables, self.texts[1:], strict=True):
            parts += [values[variable], text]
        return "".join(parts)


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is said before a caller's own messages."""

    messages: tuple[Message, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """What has to be given, in order."""
        return tuple(dict.fromkeys(name for message in self.messages for name in message.variables))

    def fill(self, values: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
        """Roles and texts; FixInput where a value is missing, is too long or no text, or where nothing asks for it."""
        wanted = self.variables
        for name in values:
            if name not in wanted:
                known = ", ".join(wanted) or "none"
                raise FixInput("prompt.unknown", f"The prompt has no variable {name!r:.60}.", f"It has: {known}.")
        given = {name: _value(name, values.get(name)) for name in wanted}
        return tuple((message.role, message.fill(given)) for message in self.messages)


def _value(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise FixInput("prompt.variable", f"The prompt needs a text for {name!r:.60}.", "Give it among the variables.")
    text = str(value)
    if len(text) > MOST_VALUE:
        raise FixInput("prompt.variable", f"{name!r:.60} is longer than {MOST_VALUE:,} characters.", "Give less.")
    return text


def parse_prompt(data: bytes) -> Prompt:
    """The prompt in a file's bytes; FixInput where it is no UTF-8, says nothing, or names a role that nobody has."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FixInput("prompt.encoding", f"The prompt is no UTF-8: {error.reason}.", "Save it as UTF-8.") from error
    messages = [message for message in _messages(text) if message.variables or message.texts[0]]
    if not messages:
        raise FixInput("prompt.empty", "The prompt says nothing.", "Write what the model is told.")
    return Prompt(tuple(messages))


def _messages(text: str) -> list[Message]:
    found, role, texts, variables, at = list[Message](), "system", list[str](), list[str](), 0
    for mark in _MARK.finditer(text):
        texts.append(text[at : mark.start()])
        at = mark.end()
        if mark[2]:
            variables.append(mark[2])
            continue
        found.append(_message(role, texts, variables))
        role, texts, variables = mark[1], [], []
        if role not in ROLES:
            raise FixInput("prompt.role", f"Nobody has the role {role!r:.40}.", f"Take {', '.join(ROLES)}.")
    return [*found, _message(role, [*texts, text[at:]], variables)]


def _message(role: str, texts: list[str], variables: list[str]) -> Message:
    """The message without the space around it."""
    texts = [texts[0].lstrip(), *texts[1:]]
    return Message(role, (*texts[:-1], texts[-1].rstrip()), tuple(variables))
