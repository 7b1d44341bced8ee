"""What every list takes: filters, an order, and where its page starts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, Query


@dataclass(frozen=True, slots=True)
class Listing:
    """The query of a list, as `Store.list` takes it."""

    system: str
    about: str
    state: str
    text: str
    sort: str
    descending: bool
    after: str
    limit: int

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments for the store."""
        return asdict(self)


def _listing(
    system: Annotated[str, Query(max_length=200, description="Only records of this system.")] = "",
    about: Annotated[str, Query(max_length=300, description="Only records about this digest or record.")] = "",
    state: Annotated[str, Query(max_length=40, description="Only records in this state.")] = "",
    text: Annotated[str, Query(max_length=100, description="Only records with this in their title or key.")] = "",
    sort: Annotated[Literal["at", "title", "state", "system"], Query(description="By what they are sorted.")] = "at",
    descending: Annotated[bool, Query(description="Whether the last come first.")] = True,
    after: Annotated[str, Query(max_length=1000, description="`after` of the page before.")] = "",
    limit: Annotated[int, Query(ge=1, le=200, description="Records on the page.")] = 50,
) -> Listing:
    return Listing(system, about, state, text, sort, descending, after, limit)


Listed = Annotated[Listing, Depends(_listing)]
