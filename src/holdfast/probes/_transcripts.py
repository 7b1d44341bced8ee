"""Transcripts of attempts, as evidence: bounded, without planted secrets and without the system prompt's words."""

from __future__ import annotations

import hashlib
import re

from holdfast.domain.chat import Call
from holdfast.domain.finding import Exhibit
from holdfast.probes._attempts import Attempt, Recipe

CHARACTERS = 600
RUN = 5
"""So many words of the system prompt in a row are not shown."""


def transcript(attempt: Attempt, prompt: str) -> Exhibit:
    """Who said what, the last of it the reply."""
    said = [(message.role, message.text or _calls(message.calls)) for message in attempt.messages]
    reply = attempt.reply
    told = "\n".join(part for part in (reply.text, _calls(reply.calls)) if part) or f"nothing ({reply.finish})"
    if attempt.won and attempt.secrets and attempt.marker not in told.casefold():
        told = f"({len(told):,} characters, which hold the secret in an encoded form)"
    return Exhibit(
        f"Transcript, {named(attempt.recipe)}",
        ("Who", "What"),
        tuple((who, _shown(text, attempt, prompt)) for who, text in [*said, ("reply", told)]),
    )


def named(recipe: Recipe) -> str:
    """The recipe in words: ``mail: an instruction, base64, politely``."""
    twist = "" if recipe.twist == "as it is" else f", {recipe.twist}"
    return f"{recipe.channel}: {recipe.framing}, {recipe.carrier}{twist}"


def _shown(text: str, attempt: Attempt, prompt: str) -> str:
    """The text without secrets, without runs of the prompt, cut to what stands around the marker."""
    marker = attempt.marker
    for secret in attempt.secrets:
        instead = f"[secret {hashlib.sha256(secret.encode()).hexdigest()[:8]}]"
        apart = r"[\W_]{0,3}".join(map(re.escape, secret))
        text = re.sub(apart, instead, text, flags=re.IGNORECASE)
        marker = instead if secret == marker else marker
    text = _visible(_without_prompt(text, prompt))
    text = re.sub(r"\S{60,}", lambda run: f"{run[0][:24]}… [{len(run[0])} characters]", text)
    if len(text) <= CHARACTERS:
        return text
    start = max(0, text.casefold().find(marker) - CHARACTERS // 2) if marker else 0
    more = "… " if start else ""
    return f"{more}{text[start : start + CHARACTERS]} … ({len(text):,} characters)"


def _without_prompt(text: str, prompt: str) -> str:
    """The text with runs of the prompt's words left out."""
    words = [re.sub(r"\W", "", word).casefold() for word in prompt.split()]
    runs = {tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}
    if not runs:
        return text
    parts = re.split(r"(\s+)", text)
    own = [re.sub(r"\W", "", word).casefold() for word in parts[::2]]
    hidden = [False] * len(own)
    for at in range(len(own) - RUN + 1):
        if tuple(own[at : at + RUN]) in runs:
            hidden[at : at + RUN] = [True] * RUN
    shown: list[str] = []
    for at, word in enumerate(parts[::2]):
        if not hidden[at]:
            shown += parts[2 * at - 1 : 2 * at] * bool(at) + [word]
        elif not at or not hidden[at - 1]:
            shown.append(" [of the system prompt]")
    return "".join(shown).strip()


def _visible(text: str) -> str:
    """Invisible characters by their number, so that a reader sees that they are there."""
    seen = re.sub(r"[\U000e0000-\U000e007f]+", lambda run: f"[{len(run[0])} invisible characters]", text)
    seen = re.sub(r"[\u200b-\u200f\u2060-\u2064\ufeff]", "", seen)
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", "", seen)


def _calls(calls: tuple[Call, ...]) -> str:
    return "; ".join(f"calls {call.name}({call.arguments})" for call in calls)
