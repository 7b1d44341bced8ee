"""Forms: what somebody typed, and what is wrong with it, each error at its field."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from enum import StrEnum
from types import TracebackType
from typing import Annotated, Self, TypeVar

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from holdfast.domain.errors import Conflict, FixInput

E = TypeVar("E", bound=StrEnum)

FIELDS = {
    "system.name": "name",
    "waiver.past": "until",
    "delegation.void": "until",
    "token.expiry": "token_until",
    "password.weak": "new",
    "password.wrong": "proof",
    "totp.code": "code",
    "person.profile": "email",
    "person.known": "email",
    "sealer.key": "key",
    "ledger.key": "key",
    "request.empty": "reason",
    "retention.short": "days",
    "hold.days": "first",
}
"""The field at which an error stands; one that is not listed, or has no field on the page, stands above the form."""

TEN_YEARS = 3660
"""Days; nothing that people decide counts for longer."""

LAST_MINUTE = time(23, 59, 59, tzinfo=UTC)


class Unsettled(FixInput):
    """Something is missing or wrong in the form; it says where itself."""


class Wrong(dict[str, str]):
    """What is wrong, by field; nothing for a field that it does not name."""

    def __missing__(self, _field: str) -> str:
        return ""


class Form:
    """A form as it was sent, to be read once and shown again with its errors. A context manager that keeps errors.

    Reading collects all that is wrong, `settle` stops there, and FixInput and Conflict out of a flow stand at
    the field that they are about.
    """

    def __init__(self, sent: FormData | Mapping[str, Sequence[str]] | None = None) -> None:
        data = sent if sent is not None else {}
        self.files: dict[str, UploadFile | None] = {}
        self.typed: dict[str, list[str]] = {}
        self.wrong = Wrong()
        for name in data:
            values = data.getlist(name) if isinstance(data, FormData) else data[name]
            self.typed[name] = [value for value in values if isinstance(value, str)]
            self.files |= dict.fromkeys([name], next((v for v in values if isinstance(v, UploadFile)), None))

    @classmethod
    def of(cls, **values: object) -> Form:
        """A form that is filled in already; lists are several choices of one field."""
        lists = {
            k: [str(item) for item in v] if isinstance(v, list | tuple) else [_shown(v)] for k, v in values.items()
        }
        return cls(lists)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> bool:
        if isinstance(error, FixInput | Conflict):
            if not isinstance(error, Unsettled):
                field = "document" if error.code.startswith("document.") else FIELDS.get(error.code, "")
                self.wrong[field if field in self.typed else ""] = str(error)
            return True
        return False

    def settle(self) -> None:
        """Stop here if anything is wrong."""
        if self.wrong:
            raise Unsettled("form.unsettled", "Something in the form is missing or wrong.")

    def value(self, name: str) -> str:
        """What stands in a field; empty without one."""
        return (self.typed.get(name) or [""])[0]

    def values(self, name: str) -> list[str]:
        """All that was chosen in a field."""
        return self.typed.get(name, [])

    def need(self, name: str, what: str) -> str:
        """What stands in a field that must say something."""
        said = self.value(name).strip()
        if not said:
            self.wrong[name] = f"{what} is missing."
        return said

    def number(self, name: str, *, least: float = -math.inf, most: float = math.inf) -> float | None:
        """A number, or None for an empty field. Commas between thousands are read over."""
        said = self.value(name).replace(",", "").strip()
        if not said:
            return None
        try:
            found = float(said)
        except ValueError:
            found = math.nan
        if not math.isfinite(found) or not least <= found <= most:
            ends = f" from {least:g} to {most:,.0f}" if math.isfinite(most) else f" of {least:g} or more"
            self.wrong[name] = f"Write a number{ends if math.isfinite(least) else ''}."
            return None
        return found

    def whole(self, name: str, *, least: int = 0, most: int = 10**12) -> int | None:
        """A whole number, or None for an empty field."""
        found = self.number(name, least=least, most=most)
        if found is not None and found != int(found):
            self.wrong[name] = "Write a whole number."
            return None
        return None if found is None else int(found)

    def day(self, name: str, what: str) -> datetime:
        """The end of a day, UTC."""
        try:
            return datetime.combine(date.fromisoformat(self.value(name).strip()), LAST_MINUTE)
        except ValueError:
            self.wrong[name] = f"{what} is missing. Write it as 2026-12-31."
            return datetime.max.replace(tzinfo=UTC)

    def choice(self, name: str, kind: type[E], what: str) -> E:
        """One of an enum's values."""
        try:
            return kind(self.value(name))
        except ValueError:
            self.wrong[name] = f"{what} is missing."
            return next(iter(kind))

    def choices(self, name: str, kind: type[E]) -> tuple[E, ...]:
        """Those of an enum's values that were ticked, in its order."""
        return tuple(item for item in kind if item.value in self.values(name))


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.12g}" if isinstance(value, float) else str(value)


async def _sent(request: Request) -> Form:
    return Form(await request.form())


Sent = Annotated[Form, Depends(_sent)]
