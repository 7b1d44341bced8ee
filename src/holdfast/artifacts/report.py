"""What a scan says of a file, as records that map one to one onto SARIF results."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePath


class Verdict(StrEnum):
    """Whether a file may be loaded. Only `ALLOW` lets it through: what nobody can tell is not a pass."""

    ALLOW = "allow"
    UNKNOWN = "unknown"
    REFUSE = "refuse"

    @property
    def rank(self) -> int:
        """0 for ALLOW, 1 for UNKNOWN, 2 for REFUSE."""
        return list(Verdict).index(self)


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps a file from being allowed.

    `rule` is stable and greppable (``pickle.unlisted-call``). `message` says in one sentence what is wrong. `offset` is
    the byte offset in the stream that was read, after decompression: the file's own, or that of `member` in an archive.
    `name` is the import at fault (``os.system``), if there is one.
    """

    rule: str
    verdict: Verdict
    message: str
    offset: int | None = None
    name: str = ""
    member: str = ""

    def within(self, member: str) -> Reason:
        """The same reason, found in that member of an archive."""
        return replace(self, member=f"{member}/{self.member}" if self.member else member)


def refuse(rule: str, message: str, offset: int | None = None, name: str = "") -> Reason:
    """A reason to refuse."""
    return Reason(rule, Verdict.REFUSE, message, offset, name)


def unknown(rule: str, message: str, offset: int | None = None) -> Reason:
    """A reason why nobody can tell."""
    return Reason(rule, Verdict.UNKNOWN, message, offset)


@dataclass(frozen=True, slots=True)
class FileReport:
    """The scan of one file. `format` is what its content is (``joblib+zlib``), whatever its name says; `size` in bytes.

    `verdict` is the worst that any reason says, ALLOW without one.
    """

    path: str
    format: str
    size: int
    reasons: tuple[Reason, ...] = ()
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        worst = max((reason.verdict for reason in self.reasons), key=lambda v: v.rank, default=Verdict.ALLOW)
        object.__setattr__(self, "verdict", worst)

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return PurePath(self.path).name

    @property
    def allowed(self) -> bool:
        """Whether the file may be loaded."""
        return self.verdict is Verdict.ALLOW

    @property
    def runs(self) -> tuple[str, ...]:
        """The imports that loading would make and that are not on the list, in order of appearance."""
        return tuple(dict.fromkeys(reason.name for reason in self.reasons if reason.name))
