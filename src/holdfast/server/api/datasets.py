"""Data sets and prompts: the versions of them, each bound to a digest that never changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import Response

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.dataset import DatasetVersion, PromptVersion
from holdfast.domain.errors import FixInput
from holdfast.flows import register_data
from holdfast.flows.desk import require
from holdfast.server.api.paging import Listed
from holdfast.server.callers import Asking, Here

router = APIRouter(tags=["datasets"])
Text = Annotated[str, Body()]


@router.get("/datasets")
def list_datasets(platform: Here, caller: Asking, listing: Listed) -> Page[DatasetVersion]:
    """Versions of data sets; `about` finds one by the digest of its table."""
    require(caller, Permission.READ)
    return platform.desk.store.list(DatasetVersion, **listing.arguments)


@router.post("/datasets", status_code=201)
def register_dataset(
    platform: Here, caller: Asking, envelope: Text, sealer: Text, version: Text, parent: Text = ""
) -> Kept[DatasetVersion]:
    """Enter what `holdfast data admit` sealed: `envelope` is the file's text, `sealer` the key that sealed it (hex)."""
    return register_data.register_dataset(
        platform.desk, caller, _bytes(envelope), sealer=sealer, version=version, parent=parent
    )


@router.get("/datasets/{name}/{version}")
def show_dataset(platform: Here, caller: Asking, name: str, version: str) -> Kept[DatasetVersion]:
    """One version of a data set."""
    require(caller, Permission.READ)
    return platform.desk.store.get(DatasetVersion, f"{name}:{version}")


@router.get("/prompts")
def list_prompts(platform: Here, caller: Asking, listing: Listed) -> Page[PromptVersion]:
    """Versions of prompts."""
    require(caller, Permission.READ)
    return platform.desk.store.list(PromptVersion, **listing.arguments)


@router.post("/prompts", status_code=201)
def register_prompt(
    platform: Here, caller: Asking, name: Text, version: Text, text: Text, parent: Text = ""
) -> Kept[PromptVersion]:
    """Enter a prompt."""
    return register_data.register_prompt(platform.desk, caller, name, version, _bytes(text), parent=parent)


@router.get("/prompts/{name}/{version}")
def show_prompt(platform: Here, caller: Asking, name: str, version: str) -> Kept[PromptVersion]:
    """One version of a prompt."""
    require(caller, Permission.READ)
    return platform.desk.store.get(PromptVersion, f"{name}:{version}")


@router.get("/prompts/{name}/{version}/text", response_class=Response)
def read_prompt(platform: Here, caller: Asking, name: str, version: str) -> Response:
    """The prompt itself, byte for byte."""
    require(caller, Permission.READ)
    kept = platform.desk.store.get(PromptVersion, f"{name}:{version}")
    return Response(platform.desk.blobs.get(kept.record.digest), media_type="text/plain; charset=utf-8")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:  # JSON can carry half a character
        raise FixInput("request.text", "The text holds half of a character.", "Send whole UTF-8 text.") from error
