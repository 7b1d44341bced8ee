"""Provenance as the SLSA v1 predicate of an in-toto statement, and back (slsa.dev/spec/v1.0/provenance).

What the step was asked for stands in `externalParameters`; what it read, its code and its packages in
`resolvedDependencies`; its outputs are the statement's subjects. What SLSA has no field for is a by-product.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from holdfast.canonical import encode
from holdfast.domain.provenance import Artifact, Provenance, Revision, Role, Seen

PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:holdfast:record:v1"
Json = dict[str, Any]


def subjects(record: Provenance) -> list[Json]:
    """The step's outputs as resource descriptors."""
    return [_file(artifact) for artifact in record.outputs]


def predicate(record: Provenance) -> Json:
    """The SLSA v1 predicate."""
    environment = dict(record.environment)
    return {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"command": list(record.command)},
            "internalParameters": {"actor": record.actor, "environment": environment},
            "resolvedDependencies": [
                *([_git(record.revision)] if record.revision else []),
                *map(_file, record.inputs),
                *({"uri": f"pkg:pypi/{package.replace('==', '@')}"} for package in record.packages),
            ],
        },
        "runDetails": {
            "builder": {"id": BUILD_TYPE, "version": {"holdfast": environment.get("holdfast", "")}},
            "metadata": {
                "invocationId": record.id,
                "startedOn": record.started_at,
                "finishedOn": record.finished_at,
            },
            "byproducts": [
                _note("exit code", record.exit_code),
                _note("not seen", list(record.gaps)),
                _note("missing", list(record.missing)),
            ],
        },
    }


def provenance(statement: Json) -> Provenance:
    """The record in a statement with this predicate; KeyError, TypeError or ValueError where it holds none."""
    definition, details = (statement["predicate"][part] for part in ("buildDefinition", "runDetails"))
    inner, metadata = definition["internalParameters"], details["metadata"]
    needed = definition["resolvedDependencies"]
    code, gaps, missing = (_noted(note) for note in details["byproducts"])
    return Provenance(
        id=metadata["invocationId"],
        command=tuple(definition["externalParameters"]["command"]),
        inputs=tuple(_artifact(item) for item in needed if "sha256" in item.get("digest", {})),
        outputs=tuple(_artifact(item) for item in statement["subject"]),
        revision=next((_revision(item) for item in needed if "gitCommit" in item.get("digest", {})), None),
        environment=tuple(sorted(inner["environment"].items())),
        packages=tuple(_package(item["uri"]) for item in needed if "digest" not in item),
        actor=inner["actor"],
        started_at=metadata["startedOn"],
        finished_at=metadata["finishedOn"],
        exit_code=int(code),
        gaps=tuple(gaps),
        missing=tuple(missing),
    )


def _file(artifact: Artifact) -> Json:
    return {
        "name": artifact.path,
        "digest": {"sha256": artifact.digest.removeprefix("sha256:")},
        "annotations": {"role": artifact.role.value, "seen": artifact.seen.value},
    }


def _artifact(item: Json) -> Artifact:
    said = item["annotations"]
    return Artifact(item["name"], f"sha256:{item['digest']['sha256']}", Seen(said["seen"]), Role(said["role"]))


def _git(revision: Revision) -> Json:
    return {
        "name": "code",
        "uri": f"git+{revision.repository or 'unknown:'}",
        "digest": {"gitCommit": revision.commit},
        "annotations": {"dirty": revision.is_dirty},
    }


def _revision(item: Json) -> Revision:
    repository = item["uri"].removeprefix("git+")
    known = "" if repository == "unknown:" else repository
    return Revision(item["digest"]["gitCommit"], bool(item["annotations"]["dirty"]), known)


def _package(uri: str) -> str:
    return uri.removeprefix("pkg:pypi/").replace("@", "==")


def _note(name: str, value: Any) -> Json:
    content = base64.b64encode(encode(value)).decode("ascii")
    return {"name": name, "mediaType": "application/json", "content": content}


def _noted(item: Json) -> Any:
    return json.loads(base64.b64decode(item["content"], validate=True))
