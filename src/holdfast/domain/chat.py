"""Conversations with a model of language: what is said, which tools may be called, and what it replies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """A tool that a model wants called, with its `arguments` as it wrote them (JSON, if it kept to the form)."""

    name: str
    arguments: str = "{}"
    id: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """What one `role` says: ``user``, ``assistant`` or ``tool``.

    An assistant's may hold `calls`; a tool's is the result of the call whose id is `answers`.
    """

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that a model may call; `parameters` is a JSON Schema as JSON text."""

    name: str
    description: str
    parameters: str = '{"type":"object","properties":{}}'


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: text, calls, why it ended, and the tokens that the provider counted (0 where it did not).

    `is_blocked` where guards or a filter kept the exchange from happening.
    """

    text: str
    calls: tuple[Call, ...] = ()
    finish: str = ""
    asked: int = 0
    answered: int = 0
    is_blocked: bool = False
