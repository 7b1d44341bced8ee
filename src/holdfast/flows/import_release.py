"""Know: a release enters from a model registry, bound to the digests of its files and to the run that made it."""

from __future__ import annotations

from holdfast import canonical
from holdfast.domain.act import Kept
from holdfast.domain.evidence import Material
from holdfast.domain.release import Release
from holdfast.flows.desk import Caller, Desk
from holdfast.flows.register import register_release, release_digest
from holdfast.releases.mlflow import ModelVersion


def import_model_version(
    desk: Desk, caller: Caller, system: str, found: ModelVersion, *, parent: str = ""
) -> Kept[Release]:
    """Enter what a registry says of a model version as a release of `system`. The same version again is the same.

    What the run says (commit, user, parameters) is kept among the blobs and is one of the release's materials, so that
    an edit in the registry makes another release.
    """
    materials = found.files
    run = canonical.encode(dict(found.run)) if found.run else b""
    if run:
        name = f"run {dict(found.run)['id']}"
        materials += (Material("run", name, canonical.digest_bytes(run), len(run), "application/json"),)
    release = Release(
        digest=release_digest(system, materials),
        system=system,
        version=found.version,
        materials=materials,
        authors=(caller.person.id,),
        source=found.source,
        parent=parent,
    )
    kept = register_release(desk, caller, release)
    if run:
        desk.blobs.put(run)
    return kept
