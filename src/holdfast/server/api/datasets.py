"""Data sets and prompts: the versions of them, each bound to a digest that never changes."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Response

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.dataset import DatasetVersion, PromptVersion
from holdfast.flows import register_data
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("", "datasets")
Text = Annotated[str, Body()]


@router.get("/datasets", **needs(Permission.READ))
def list_datasets(platform: Here, listing: Listed) -> Page[DatasetVersion]:
    """Versions of data sets; `about` finds one by the digest of its table."""
    return platform.desk.store.list(DatasetVersion, **listing.arguments)


@router.post("/datasets", status_code=201, **needs(Permission.REGISTER_RELEASES))
def register_dataset(
    platform: Here, caller: Asking, envelope: Text, sealer: Text, version: Text, parent: Text = ""
) -> Kept[DatasetVersion]:
    """Enter what `holdfast data admit` sealed: `envelope` is the file's text, `sealer` the key that sealed it (hex)."""
    return register_data.register_dataset(
        platform.desk, caller, envelope.encode(), sealer=sealer, version=version, parent=parent
    )


@router.get("/datasets/{name}/{version}", **needs(Permission.READ))
def show_dataset(platform: Here, name: str, version: str) -> Kept[DatasetVersion]:
    """One version of a data set."""
    return platform.desk.store.get(DatasetVersion, f"{name}:{version}")


@router.get("/prompts", **needs(Permission.READ))
def list_prompts(platform: Here, listing: Listed) -> Page[PromptVersion]:
    """Versions of prompts."""
    return platform.desk.store.list(PromptVersion, **listing.arguments)


@router.post("/prompts", status_code=201, **needs(Permission.REGISTER_RELEASES))
def register_prompt(
    platform: Here, caller: Asking, name: Text, version: Text, text: Text, parent: Text = ""
) -> Kept[PromptVersion]:
    """Enter a prompt."""
    return register_data.register_prompt(platform.desk, caller, name, version, text.encode(), parent=parent)


@router.get("/prompts/{name}/{version}", **needs(Permission.READ))
def show_prompt(platform: Here, name: str, version: str) -> Kept[PromptVersion]:
    """One version of a prompt."""
    return platform.desk.store.get(PromptVersion, f"{name}:{version}")


@router.get(
    "/prompts/{name}/{version}/text",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "The prompt."}},
    **needs(Permission.READ_PROMPTS),
)
def read_prompt(platform: Here, caller: Asking, name: str, version: str) -> Response:
    """The prompt itself, byte for byte."""
    text = register_data.read_prompt(platform.desk, caller, name, version)
    return Response(text, media_type="text/plain; charset=utf-8")
