"""From the address of a chat to a first manifest: ask it once, and write down what it is deployed with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from holdfast.domain.errors import ModelFailed, Unavailable
from holdfast.flows.init import Draft
from holdfast.manifest import ChatSection, Manifest, ModelSection, SystemSection
from holdfast.releases.chat import ChatRelease, read_chat
from holdfast.releases.release import Release
from holdfast.targets.chat import describe_chat


@dataclass(frozen=True, slots=True)
class GivenChat:
    """What the person said; paths as they should stand in the manifest."""

    url: str
    model: str = ""
    key: str = ""
    system_prompt: str | None = None
    tools: str | None = None
    name: str | None = None


def draft_chat_manifest(given: GivenChat, folder: Path) -> Draft:
    """Ask the chat one thing in the likelier dialect, then in the other; the first one's error where it knows neither.

    Errors as for `HttpChat.ask`.
    """
    likely, other = ("anthropic", "openai") if "anthropic" in given.url else ("openai", "anthropic")
    try:
        return _draft(given, likely, folder)
    except (ModelFailed, Unavailable) as first:
        try:
            return _draft(given, other, folder)
        except (ModelFailed, Unavailable):
            raise first from None


def _draft(given: GivenChat, dialect: str, folder: Path) -> Draft:
    stated = {"url": given.url, "dialect": dialect, "model": given.model, "key": given.key}
    files = {"system_prompt": given.system_prompt, "tools": given.tools}
    chat = {name: value for name, value in (stated | files).items() if value}
    release = _read(chat, folder)
    describe_chat(release.spec)
    guesses = _guesses(dialect, release)
    name = given.name or urlsplit(given.url).hostname or "chat"
    owners = {"data": "", "model": "", "deployment": "", "monitoring": ""}
    document = {
        "holdfast": 1,
        "system": {"name": name, "purpose": "", "affected": "", "tier": "high", "owners": owners},
        "model": {"chat": chat},
    }
    lines = ["Written by `holdfast init --chat`. What it found; mend what is wrong:", *guesses]
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=118)
    return Draft("".join(f"# {line}\n" for line in lines) + text, guesses)


def _read(chat: dict[str, Any], folder: Path) -> ChatRelease:
    model = ModelSection(path="", chat=ChatSection(**chat))
    return read_chat(Release(Manifest(holdfast=1, system=SystemSection(name="draft"), model=model, data=None), folder))


def _guesses(dialect: str, release: ChatRelease) -> tuple[str, ...]:
    """Everything that a person should look at, one sentence each."""
    spec = release.spec
    prompt = "A system prompt is sent with each request." if spec.system else (
        "No system prompt is sent, so that what the endpoint's own one gives away cannot be tested; name a file under "
        "`system_prompt` if you can."
    )  # fmt: skip
    tools = ", ".join(tool.name for tool in spec.tools)
    return (
        f"The chat answers in the dialect of {dialect}.",
        prompt,
        f"It may call: {tools}." if tools else "It may call no tools; name a file of schemas under `tools` if it may.",
        f"Answers are limited to {spec.max_tokens} tokens; set `max_tokens` to what is deployed.",
        "No guards are named. Add `policy` (a file) or `through` (a gateway's address) if it runs behind some.",
        "No price is stated. Add `price: {asked: …, answered: …}`, money per million tokens.",
    )
