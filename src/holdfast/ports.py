"""What flows and probes ask for, as Protocols. Adapters in the rooms beside implement them; `wiring` picks which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from holdfast.domain.account import Profile, Session
from holdfast.domain.act import Act, ActRow, Draft, Kept, Page, Snapshot, Trail
from holdfast.domain.chat import Message, Reply, Tool
from holdfast.domain.decision import Decision
from holdfast.domain.evidence import Evidence
from holdfast.domain.measure import Taken
from holdfast.domain.schema import Scalar, Task
from holdfast.domain.watch import Batch

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")

FloatMatrix = NDArray[np.float64]
Vector = NDArray[np.float64] | NDArray[np.int64]

Progress = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a few words on what is happening."""


@runtime_checkable
class Target(Protocol):
    """How code reaches the model under test.

    Rows are float64 matrices of shape (n, features) in schema order: numbers as they are, categories as codes (see
    `Feature`), NaN for missing. Answers are checked: wrong shape, NaN or a dead worker raise `ModelFailed`.
    """

    @property
    def task(self) -> Task:
        """What the model answers."""

    @property
    def gives_scores(self) -> bool:
        """Whether `scores` works (always True for regression, where it returns the prediction)."""

    @property
    def queries(self) -> int:
        """Rows asked about so far."""

    def predict(self, rows: FloatMatrix) -> Vector:
        """Decisions: class codes, int64 of shape (n,); for regression the value, float64 of shape (n,)."""

    def scores(self, rows: FloatMatrix) -> FloatMatrix:
        """Class probabilities, float64 of shape (n, classes), rows summing to 1; regression: shape (n, 1)."""


class Chat(Protocol):
    """How code reaches a model of language under test, with the system prompt and the tools that it is deployed with.

    An answer that is none, or a chat that stays silent, raises `ModelFailed`; `Unavailable` where nothing answers.
    """

    @property
    def system(self) -> str:
        """The system prompt that is sent with each request; empty where the endpoint has its own."""

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that it may call."""

    @property
    def queries(self) -> int:
        """Requests so far."""

    @property
    def tokens(self) -> int:
        """Tokens so far, asked and answered, as the provider counts them."""

    def ask(
        self, messages: Sequence[Message], *, system: str | None = None, tools: Sequence[Tool] | None = None
    ) -> Reply:
        """The reply to a conversation; `system` and `tools` stand in for the deployed ones where they are given."""


class Clock(Protocol):
    """The time, so that tests can set it."""

    def __call__(self) -> datetime:
        """Now, aware, UTC."""


class Ledger(Protocol):
    """An append-only log that a stranger can verify. `origin` names it."""

    origin: str

    def append(self, entries: Sequence[bytes], *, after: int | None = None) -> Sequence[int]:
        """Durably append; the index of each entry, in order. Acknowledged means it survives kill -9 and power loss.

        With `after` they go in only while the log has exactly so many entries; Conflict otherwise.
        """

    def checkpoint(self) -> bytes:
        """The signed note over everything that is committed."""

    def head(self) -> tuple[int, str]:
        """Size and base64 Merkle root of everything that is committed."""

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The entries `start` to `stop` (exclusive)."""

    def proof(self, index: int) -> bytes:
        """A self-contained C2SP tlog-proof for the entry at `index`, under a signed checkpoint."""


class Signer(Protocol):
    """Whoever seals evidence and checkpoints."""

    @property
    def name(self) -> str:
        """The key's name, as it stands in signed notes."""

    def public_bytes(self) -> bytes:
        """The raw 32-byte Ed25519 public key."""

    def sign(self, message: bytes) -> bytes:
        """The 64-byte Ed25519 signature (RFC 8032)."""


class Cache(Protocol):
    """Results by the digest of everything that they depend on."""

    def get(self, key: str) -> bytes | None:
        """The bytes kept under `key`; None when absent or not authentic."""

    def put(self, key: str, value: bytes) -> None:
        """Keep `value` under `key`, all or nothing."""


class Blobs(Protocol):
    """Bytes by their digest: evidence, envelopes, model files' cards. Written durably before any act names them."""

    def put(self, data: bytes) -> str:
        """Keep `data`; its digest (``sha256:<hex>``)."""

    def get(self, digest: str) -> bytes:
        """The bytes under `digest`; Absent where there are none, Tampered where they are not what the digest says."""


class Places(Protocol):
    """Small notes on how far something went, by key."""

    def get(self, key: str) -> bytes | None:
        """The note under `key`; None where there is none."""

    def put(self, key: str, note: bytes) -> None:
        """Keep a note, all or nothing."""

    def lock(self, what: str = "places") -> AbstractContextManager[Callable[[], bool]]:
        """A function that says whether the caller is the one who may write notes on `what`, now."""


class Answers(Protocol):
    """What forms were answered, by key, for a while."""

    def claim(self, key: str, now: datetime) -> bool:
        """Whether the caller is the first under `key`, and has to answer."""

    def keep(self, key: str, sealed: bytes) -> None:
        """Keep the answer to what was claimed."""

    def drop(self, key: str) -> None:
        """Give up a claim: whoever comes next does it anew."""

    def find(self, key: str) -> bytes | None:
        """The answer under `key`; empty while it is being made, None where nobody claims it."""


class DecisionLog(Protocol):
    """Where decisions are kept before anybody hears of them."""

    def append(self, decisions: Sequence[Decision]) -> None:
        """Durable when it returns, all or none; Unavailable where the disk takes no more."""

    def append_batch(self, values: pa.Table, **constant: Scalar) -> Sequence[str]:
        """Many decisions of one system as columns; their ids, in order. Durable when it returns, all or none.

        `values` has ``input_<name>`` and ``output_<name>``, and other fields of a decision where they differ by row;
        `constant` are the fields that do not. `reasons` and `verdicts` are JSON texts.
        """


class Admitting(Protocol):
    """What may run now. `domain.clearance.Clearance` is one; its digest is the `snapshot` of decisions."""

    def admits(self, digest: str, environment: str, now: datetime) -> bool:
        """Whether the release, or the model, with this digest may run in the environment now."""


class Vault(Protocol):
    """Keys by person, so that destroying a key erases what it sealed."""

    def pseudonym(self, identifier: str) -> str:
        """What stands for a person in decisions: the same for the same identifier, and no way back."""

    def key(self, purpose: str) -> bytes:
        """A key of this installation's for one purpose, 32 bytes: the same each time, wherever its master key is."""

    def seal_all(self, decisions: Sequence[Decision], personal: Collection[str]) -> Sequence[Decision]:
        """The decisions with their personal inputs and outputs (by name) sealed, each under its subject's key."""

    def open(self, decision: Decision) -> Decision:
        """The decision with its sealed fields in place; Absent where its subject was erased."""


class Contents(Protocol):
    """What must not lie open: each under a key of its own, unreadable for good once dropped."""

    def put(self, key: str, subject: str, content: bytes) -> str:
        """Keep content about a subject (a pseudonym, or empty); the digest of its sealed form. What is there stays."""

    def get(self, key: str) -> bytes | None:
        """The content; None where it was dropped."""

    def drop(self, key: str, at: str) -> None:
        """Destroy its key as of `at` (RFC 3339), and take it out."""

    def keys(self, subject: str = "") -> tuple[str, ...]:
        """Whatever is kept, or what is about a subject."""


class Batches(Protocol):
    """What was counted of decisions, by release and span of time."""

    def begin(self, release: str, asked: str) -> None:
        """Go on with what was counted by `asked`; what was counted otherwise is forgotten."""

    def counted(self, release: str) -> frozenset[str]:
        """The digests of the files whose rows are in the batches."""

    def add(
        self, release: str, found: Mapping[str, Batch], files: Collection[str], plus: Callable[[Batch, Batch], Batch]
    ) -> bool:
        """Add what `files` held, by the batch's start, all at once; False, and nothing is added, where one is in."""

    def replace(self, release: str, day: str, found: Mapping[str, Batch], files: Collection[str]) -> None:
        """Put what a `day` holds, counted anew from these files and all before them, in the place of what was known."""

    def all(self, release: str) -> tuple[Batch, ...]:
        """Every batch of a release, the oldest first."""

    def keep_look(self, release: str, body: bytes) -> None:
        """Keep what watching showed."""

    def look(self, release: str) -> bytes:
        """What watching last showed; empty where nobody has looked."""

    def lock(self) -> AbstractContextManager[Callable[[], bool]]:
        """A function that says whether the caller is the one who counts, now."""


class Store(Protocol):
    """Acts and the records that they made, in a database."""

    def commit(
        self, drafts: Sequence[Draft], *, actor: str, at: str, id: str, evidence: Evidence | None = None
    ) -> tuple[Act, ...]:
        """Make all acts in one transaction, or none; the same `id` again makes none and returns those of the first."""

    def find(self, kind: type[T], key: str) -> Kept[T] | None:
        """The record as it stands; None if there is none."""

    def get(self, kind: type[T], key: str) -> Kept[T]:
        """The record as it stands; Absent if there is none."""

    def list(
        self,
        kind: type[T],
        *,
        system: str = "",
        about: str = "",
        state: str = "",
        text: str = "",
        sort: str = "at",
        descending: bool = True,
        after: str = "",
        limit: int = 50,
    ) -> Page[T]:
        """Records by their facets, a page at a time."""

    def count(self, kind: type, *, system: str = "", about: str = "", state: str = "") -> int:
        """How many records there are."""

    def many(self, kind: type[T], keys: Collection[str]) -> dict[str, Kept[T]]:
        """Records by their keys, at once: those of these that there are."""

    def gather(
        self, kind: type[T], facet: str, values: Collection[str], *, state: str = ""
    ) -> dict[str, tuple[Kept[T], ...]]:
        """All records of a kind by a facet (`about` or `system`), at once; under each of `values` the newest first."""

    def keys_of(self, kind: type, digests: Collection[str]) -> dict[str, str]:
        """The keys of the records of a kind that have or once had these digests."""

    def latest(self, kind: type, about: Collection[str]) -> dict[str, str]:
        """When the newest record of a kind about each of these happened (RFC 3339)."""

    def newest(
        self, kind: type[T], *, state: str = "", systems: Collection[str] | None = None, limit: int = 500
    ) -> tuple[Kept[T], ...]:
        """The newest record of a kind of each system, where that is in this state; the latest first."""

    def count_newest(self, kind: type, state: str) -> int:
        """Of how many systems the newest record of a kind is in this state."""

    def unnamed(self, kind: type[T], by: type, field: str, *, state: str = "") -> tuple[Kept[T], ...]:
        """The records of a kind that no record of kind `by` about the same thing names in `field`; the latest first."""

    def history(self, kind: type[T], key: str) -> tuple[Kept[T], ...]:
        """Every revision of a record, the first one first."""

    def made_by(self, id: str) -> tuple[Act, ...]:
        """The acts that the request `id` made; none where it made none, or was never seen."""

    def acts(self, *, kind: str = "", key: str = "", actor: str = "", after: str = "", limit: int = 50) -> Trail:
        """What was done, the latest first, a page at a time."""

    def recent(
        self,
        *,
        system: str = "",
        about: Collection[str] = (),
        but: Collection[str] = (),
        since: str = "",
        limit: int = 50,
    ) -> tuple[ActRow, ...]:
        """The latest acts, the newest first: all, or those on records of a system or about certain digests; none on
        records of the kinds `but`, and only those after the act `since`.
        """

    def trend(self, system: str, measure: str, limit: int = 500) -> tuple[Taken, ...]:
        """How a measure went over a system's evidence: the latest `limit` values, the oldest first."""

    def pending(self, limit: int) -> tuple[Act, ...]:
        """Acts that are not in the ledger yet, in the order in which they were made."""

    def sequenced(self, acts_at: Sequence[tuple[str, int]]) -> None:
        """Note where in the ledger acts stand: (id, index) pairs."""

    def last_index(self) -> int:
        """The highest index in the ledger that an act is known to have; -1 for none."""

    def sequencer_lock(self) -> AbstractContextManager[Callable[[], bool]]:
        """A function that says whether the caller is the one sequencer, now."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Every act and every head as they were at one moment; for verification."""

    def index(self, evidence: Evidence) -> None:
        """Make the rows of its measurements again."""

    def private_rows(self) -> dict[str, tuple[dict[str, object], ...]]:
        """The rows by which people are known and sign in, and how far webhooks were told, by table, as JSON types."""

    def load(self, acts: Iterable[ActRow], private: Mapping[str, Sequence[Mapping[str, object]]]) -> None:
        """Fill an empty store from a backup; heads are made from the acts. FixInput where the store is not empty."""


class Accounts(Protocol):
    """How people and programs show who they are. Secrets go in and never come out."""

    def add(self, profile: Profile) -> None:
        """Say who a pseudonym is; Conflict where the address belongs to somebody already."""

    def change(self, profile: Profile) -> None:
        """Say anew who a pseudonym is; Conflict where the address is somebody else's."""

    def profiles(self, people: set[str] | None = None) -> dict[str, Profile]:
        """Profiles by pseudonym: of `people`, or of all. Erased people have none."""

    def by_email(self, email: str) -> str | None:
        """The pseudonym of whoever has this address."""

    def erase(self, person: str) -> None:
        """Forget who a pseudonym was, with all that they signed in by."""

    def set_password(self, person: str, password: str) -> None:
        """Set a password; every session of the person ends. FixInput for a weak one."""

    def can_sign_in(self, person: str) -> bool:
        """Whether a password was ever set."""

    def has_come(self, person: str) -> bool:
        """Whether this person ever signed in by any door, or may have."""

    def check(self, email: str, password: str, code: str, now: datetime) -> str | None:
        """The pseudonym of who signs in; None where something is wrong, a code was used, or too much was wrong."""

    def new_totp(self, email: str) -> tuple[str, str]:
        """A secret for an authenticator app, and its URI. Not in force until it is confirmed."""

    def confirm_totp(self, person: str, secret: str, code: str, now: datetime) -> None:
        """Put a second factor in force, once its first code is right."""

    def forget_totp(self, person: str) -> None:
        """Ask this person for no second factor."""

    def has_totp(self, person: str) -> bool:
        """Whether a second factor is asked of this person."""

    def open_session(self, person: str, now: datetime) -> str:
        """A new session; the secret that the browser keeps."""

    def session(self, secret: str, now: datetime) -> Session | None:
        """The session behind a browser's secret; None where it ended."""

    def close_session(self, secret: str) -> None:
        """Sign out."""

    def issue(self, purpose: str, subject: str, expires_at: datetime) -> str:
        """A random secret that stands for `subject` until it expires."""

    def subject(self, purpose: str, secret: str, now: datetime) -> str | None:
        """What an issued secret stands for; None where it is unknown or expired."""

    def spend(self, purpose: str, secret: str, now: datetime) -> str:
        """What a one-time secret stands for, and the end of it; Absent where it is unknown, expired or spent."""

    def revoke(self, purpose: str, subject: str) -> None:
        """End all secrets that stand for a subject."""
