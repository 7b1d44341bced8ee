"""Releases: exact versions of systems, by the digests of what they are made of."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body

from holdfast.domain.access import Permission
from holdfast.domain.act import Kept, Page
from holdfast.domain.evidence import Material
from holdfast.domain.lineage import Traced
from holdfast.domain.release import Release
from holdfast.flows import register
from holdfast.flows.steps import release_lineage
from holdfast.server.api.paging import Listed
from holdfast.server.api.routing import needs, routes
from holdfast.server.callers import Asking, Here

router = routes("/releases", "releases")


@router.get("", **needs(Permission.READ))
def list_releases(platform: Here, listing: Listed) -> Page[Release]:
    """Releases; `about` is the digest of a model."""
    return platform.desk.store.list(Release, **listing.arguments)


@router.post("", status_code=201, **needs(Permission.REGISTER_RELEASES))
def register_release(
    platform: Here,
    caller: Asking,
    system: Annotated[str, Body(description="The system's name.")],
    version: Annotated[str, Body(max_length=100, description="What people call it.")],
    materials: Annotated[tuple[Material, ...], Body(description="All that it is made of, by role and digest.")],
    authors: Annotated[tuple[str, ...], Body(description="People who built it and may not approve it.")] = (),
    source: Annotated[str, Body(max_length=40, description="How it came in.")] = "api",
    parent: Annotated[str, Body(max_length=80, description="The digest of the release that it replaces.")] = "",
) -> Kept[Release]:
    """Enter a release; its digest follows from its system and materials. The caller counts as an author."""
    everybody = tuple(sorted({*authors, caller.person.id}))
    digest = register.release_digest(system, materials)
    release = Release(digest, system, version, materials, everybody, source, parent)
    return register.register_release(platform.desk, caller, release)


@router.get("/{digest}", **needs(Permission.READ))
def show_release(platform: Here, digest: str) -> Kept[Release]:
    """One release."""
    return platform.desk.store.get(Release, digest)


@router.get("/{digest}/history", **needs(Permission.READ))
def release_history(platform: Here, digest: str) -> tuple[Kept[Release], ...]:
    """Every revision of a release, the first one first."""
    return platform.desk.store.history(Release, digest)


@router.get("/{digest}/lineage", **needs(Permission.READ))
def show_lineage(platform: Here, digest: str) -> Traced:
    """Where a release comes from: the release itself, made of its materials, then file by file back to the sources."""
    return release_lineage(platform.desk, digest)
