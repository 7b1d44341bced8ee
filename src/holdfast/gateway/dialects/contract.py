"""What a dialect is: an endpoint's path and route, and where in its messages people and models speak.

Text is found by walking: every string counts that is not known to be structure, since what no guard has read must not
be passed on. Pictures, sound and files are not text here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from holdfast.domain.credential import Route
from holdfast.domain.errors import FixInput
from holdfast.gateway.http.sse import Event
from holdfast.guards.passages import Passage
from holdfast.guards.tools.steps import Step

if TYPE_CHECKING:
    from holdfast.gateway.dialects.calls import CallsTold

Json = dict[str, Any]

STRUCTURE = frozenset(
    [
        "id",
        "object",
        "type",
        "role",
        "model",
        "status",
        "index",
        "finish_reason",
        "stop_reason",
        "system_fingerprint",
        "service_tier",
        "call_id",
        "item_id",
        "tool_call_id",
        "tool_use_id",
        "previous_response_id",
        "created",
        "created_at",
        "encoding_format",
        "detail",
        "media_type",
        "signature",
        "encrypted_content",
        "logprobs",
        "obfuscation",
        "embedding",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "sequence_number",
    ]
)
"""Names whose values are never what somebody says; `logprobs` spell it again, and are taken out before guards read."""

DEEPEST = 64
MOST_TOKENS = 10**12
"""More than this many tokens are no count."""

MOST_REASON = 40


@dataclass(slots=True)
class Slot:
    """A text where it stands, so that another can be put there; who speaks; and, in a stream, what it is a piece of."""

    holder: Any
    key: Any
    role: str
    channel: tuple[Hashable, ...] = ()

    @property
    def text(self) -> str:
        """What stands there now."""
        return str(self.holder[self.key])

    def put(self, text: str) -> None:
        """Put another text there."""
        self.holder[self.key] = text

    @property
    def passage(self) -> Passage:
        """As guards see it."""
        return Passage(self.role, self.text)


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that were asked and answered; `is_estimated` where the upstream did not count them."""

    asked: int = 0
    answered: int = 0
    is_estimated: bool = False

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.asked + self.answered


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What one event of a stream holds.

    `deltas` are pieces of texts, each of its channel; `wholes` texts that are complete; `ends` the groups of channels
    that end with it (a channel's group is its first part). `is_last` where nothing follows it, `is_dropped` where the
    client did not ask for it.
    """

    told: Json
    deltas: Sequence[Slot] = ()
    wholes: Sequence[Slot] = ()
    ends: frozenset[Hashable] = frozenset()
    is_last: bool = False
    is_dropped: bool = False


class Stream(ABC):
    """One answer in this dialect as it is told. `usage` and `finish` are what was said of them so far."""

    usage: Usage | None = None
    finish: str = ""

    @abstractmethod
    def read(self, told: Json) -> Piece:
        """What an event holds."""

    @abstractmethod
    def cut(self) -> list[Event]:
        """The events that end the answer because its content may not be told."""


class Dialect(ABC):
    """An endpoint. `path` is where upstreams of its own kind have it, below their address."""

    name: ClassVar[str]
    path: ClassVar[bytes]
    route: ClassVar[Route] = Route.CHAT

    @abstractmethod
    def asked(self, body: Json) -> list[Slot]:
        """The texts of a request; FixInput where it is none."""

    @abstractmethod
    def answered(self, told: Json) -> list[Slot]:
        """The texts of a whole answer."""

    @abstractmethod
    def usage(self, told: Json) -> Usage | None:
        """The tokens that a whole answer counts; None where it does not."""

    @abstractmethod
    def finish(self, told: Json) -> str:
        """Why the model stopped, in the dialect's words."""

    @abstractmethod
    def standing_in(self, body: Json, text: str, id: str, created: int) -> Json:
        """A whole answer that says `text` in the model's place, marked as filtered."""

    def prompted(self, body: Json, said: Sequence[tuple[str, str]]) -> Json:  # noqa: ARG002 - for those that say
        """The request with what the prompt says before it, roles and texts; FixInput where it has a prompt of its own.

        An endpoint at which nothing is said takes none.
        """
        return body

    @abstractmethod
    def stream(self, body: Json) -> Stream:
        """What reads the answer to this request while it is told."""

    def steps(self, body: Json) -> Iterator[Step]:  # noqa: ARG002 - an endpoint without tools has none
        """What a request says of the conversation so far: what was said, called and answered by tools."""
        return iter(())

    def called(self, told: Json) -> Iterator[Step]:  # noqa: ARG002
        """The tools that a whole answer calls, and what came of those that the model's host called itself."""
        return iter(())

    def calls_told(self) -> CallsTold | None:
        """The same of an answer that is told piece by piece; None where there never is one."""
        return None

    @abstractmethod
    def events_of(self, told: Json) -> list[Event]:
        """A whole answer as a stream that tells it at once."""

    @abstractmethod
    def error(self, status: int, code: str, message: str) -> Json:
        """An error as this dialect's clients know it."""

    def error_event(self, status: int, code: str, message: str) -> Event:
        """The same in the middle of a stream."""
        return Event("", orjson.dumps(self.error(status, code, message)).decode())


def refuse_system(roles: Iterable[str]) -> None:
    """FixInput where anybody speaks for whoever runs the system, whose prompt does that."""
    if any(role.strip().lower() in ("system", "developer") for role in roles):
        hint = "Leave out system and developer messages; a new prompt is a new release."
        raise FixInput("chat.own-prompt", "This model has a prompt of its own, and takes no other.", hint)


def spoken_before(said: Sequence[tuple[str, str]]) -> tuple[str, list[Json]]:
    """What a prompt says as the system, and the messages of others that follow it."""
    system = "\n\n".join(text for role, text in said if role == "system")
    names = {"model": "assistant"}
    return system, [{"role": names.get(role, role), "content": text} for role, text in said if role != "system"]


def walk(node: Any, key: Any, role: str, depth: int = 0, structure: Collection[str] = STRUCTURE) -> Iterator[Slot]:
    """The texts at and below ``node[key]``; FixInput where it is nested too deeply to be read. Names of fields are a
    tool's own in what it is called with: there is no structure in that.
    """
    value = node[key]
    if isinstance(value, str):
        if value and not _is_file(node, key, value):
            yield Slot(node, key, role)
        return
    if depth > DEEPEST:
        raise FixInput("chat.too-deep", f"It is nested more than {DEEPEST} deep.", "Flatten it.")
    if isinstance(value, dict):
        speaker = "tool" if value.get("type") in ("tool_result", "function_call_output") else role
        is_call = str(value.get("type") or "").endswith("_use")
        for name in value:
            if name not in structure:
                yield from walk(value, name, speaker, depth + 1, () if is_call and name == "input" else structure)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            if isinstance(inner, str | list | dict):
                yield from walk(value, place, role, depth + 1, structure)


def top(body: Json, roles: Mapping[str, str], apart: Collection[str] = ()) -> list[Slot]:
    """The texts of a document but for some that stand `apart`; those not in `roles` are spoken by their name."""
    names = [name for name in body if name not in STRUCTURE and name not in apart]
    return [slot for name in names for slot in walk(body, name, roles.get(name, name))]


def objects(node: Any) -> list[Json]:
    """The objects of a list; none of anything else."""
    return [item for item in node if isinstance(item, dict)] if isinstance(node, list) else []


def read_object(text: bytes | str) -> Json:
    """The object in a JSON text; ValueError where it is none, or nested too deeply to be read and written again."""
    told = orjson.loads(text)
    if not isinstance(told, dict):
        raise ValueError("it is no object")
    level: list[Any] = [told]
    for _ in range(DEEPEST):
        level = [inner for node in level for inner in (node.values() if isinstance(node, dict) else node)]
        level = [inner for inner in level if isinstance(inner, dict | list)]
        if not level:
            return told
    raise ValueError(f"it is nested more than {DEEPEST} deep")


def number(node: Any, name: str) -> int:
    """A count in an object that may not be there; 0 where it is none that could be."""
    found = node.get(name) if isinstance(node, dict) else None
    return found if isinstance(found, int) and 0 <= found <= MOST_TOKENS else 0


def reason(node: Any, name: str) -> str:
    """Why something ended, as an object says it, in a few characters; empty where it does not."""
    return str(node.get(name) or "")[:MOST_REASON] if isinstance(node, dict) else ""


def _is_file(node: Any, key: Any, value: str) -> bool:
    is_base64 = key in ("data", "b64_json") and isinstance(node, dict) and node.get("type") in (None, "base64")
    return is_base64 or (value.startswith("data:") and ";base64," in value[:200])
