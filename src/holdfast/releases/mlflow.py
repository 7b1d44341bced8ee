"""Reading a model version from an MLflow registry over its REST API. Nothing that is read is loaded, only digested.

Works with tracking servers that serve artefacts themselves (`mlflow server`, the default since MLflow 2).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, BinaryIO, Self

import httpx

from holdfast.domain.errors import Absent, FixInput, Unavailable
from holdfast.domain.evidence import Material

NAMED = re.compile(r"mlflow:models:/(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[\w.-]+))")
SERVED = "mlflow-artifacts:/"
MOST_FILES = 10_000
DEEPEST = 20
SECONDS = 60.0
ROLES = {
    "requirements.txt": "dependencies",
    "conda.yaml": "dependencies",
    "python_env.yaml": "dependencies",
    "MLmodel": "model description",
    "model.sig": "signature",
}


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version in a registry: its files by digest, the largest model file first, and the run that logged it.

    `run` is what the run says of itself: ``id``, ``git_commit``, ``user``, ``source`` and each ``param.*``; empty
    where the version has no run.
    """

    name: str
    version: str
    files: tuple[Material, ...]
    run: tuple[tuple[str, str], ...]

    @property
    def source(self) -> str:
        """How the version is cited."""
        return f"mlflow:models:/{self.name}/{self.version}"


class Registry:
    """An MLflow tracking server at `address` (http or https); `token` is sent as a bearer token if given."""

    def __init__(self, address: str, token: str = "") -> None:
        if not address.startswith(("http://", "https://")):
            raise FixInput("mlflow.address", f"{address!r} is no http(s) address.", "Set --tracking-uri.")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(base_url=f"{address.rstrip('/')}/api/2.0", headers=headers, timeout=SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def read(self, uri: str, *, into: Path | None = None) -> ModelVersion:
        """The version that `uri` names (``mlflow:models:/NAME/VERSION`` or ``...@ALIAS``), every file digested.

        With `into`, an empty folder, the files are written there as well.
        """
        found = self._find(uri)
        name, version = str(found["name"]), str(found["version"])
        location = self._get("mlflow/model-versions/get-download-uri", name=name, version=version)["artifact_uri"]
        files = self._files(_served_path(str(location)), into)
        files.sort(key=lambda m: (m.role != "model", -m.size, m.name))
        if not any(file.role == "model" for file in files):
            raise FixInput("mlflow.empty", f"{name} version {version} has no model file.", "Was it logged completely?")
        return ModelVersion(name, version, tuple(files), self._run(str(found.get("run_id") or "")))

    def _find(self, uri: str) -> dict[str, Any]:
        named = NAMED.fullmatch(uri)
        if named is None:
            raise FixInput("mlflow.uri", f"{uri!r} names no model version.", "Write mlflow:models:/NAME/VERSION.")
        if named["alias"]:
            answer = self._get("mlflow/registered-models/alias", name=named["name"], alias=named["alias"])
        else:
            answer = self._get("mlflow/model-versions/get", name=named["name"], version=named["version"])
        found: dict[str, Any] = answer["model_version"]
        if found.get("status", "READY") != "READY":
            raise Unavailable("mlflow.pending", f"{uri} is not ready ({found['status']}).", "Try again later.")
        return found

    def _run(self, id: str) -> tuple[tuple[str, str], ...]:
        if not id:
            return ()
        data = self._get("mlflow/runs/get", run_id=id)["run"]["data"]
        tags = {tag["key"]: tag["value"] for tag in data.get("tags", [])}
        said = {
            "id": id,
            "git_commit": tags.get("mlflow.source.git.commit", ""),
            "user": tags.get("mlflow.user", ""),
            "source": tags.get("mlflow.source.name", ""),
            **{f"param.{param['key']}": param["value"] for param in data.get("params", [])},
        }
        return tuple(sorted((key, value) for key, value in said.items() if value))

    def _files(self, root: str, into: Path | None) -> list[Material]:
        paths = []
        for path in self._walk(root, DEEPEST):
            paths.append(path)
            if len(paths) > MOST_FILES:
                raise FixInput("mlflow.files", f"The version has over {MOST_FILES:,} files.", "Is it a data set?")
        return [self._material(root, path, into) for path in paths]

    def _walk(self, folder: str, depth: int) -> Iterator[str]:
        """Paths of the files under `folder`, as the server serves them."""
        if depth == 0:
            raise FixInput("mlflow.depth", f"The version's folders are over {DEEPEST} deep.", "Log the model again.")
        for entry in self._get("mlflow-artifacts/artifacts", path=folder).get("files", []):
            path = f"{folder}/{_single_name(str(entry['path']))}"
            if entry.get("is_dir"):
                yield from self._walk(path, depth - 1)
            else:
                yield path

    def _material(self, root: str, path: str, into: Path | None) -> Material:
        """The file at `path`, digested as it streams by."""
        digest, size, name = hashlib.sha256(), 0, path.removeprefix(f"{root}/")
        try:
            with (
                _sink(into / name if into else None) as sink,
                self._client.stream("GET", f"mlflow-artifacts/artifacts/{path}") as response,
            ):
                response.raise_for_status()
                for chunk in response.iter_bytes():
                    digest.update(chunk)
                    size += sink.write(chunk)
        except httpx.HTTPError as error:
            raise _unavailable(error) from error
        return Material(ROLES.get(name, "model"), name, f"sha256:{digest.hexdigest()}", size)

    def _get(self, endpoint: str, /, **query: str) -> dict[str, Any]:
        try:
            response = self._client.get(endpoint, params=query)
            if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                raise FixInput("mlflow.access", "The MLflow server refuses access.", "Set MLFLOW_TRACKING_TOKEN.")
            if response.status_code == httpx.codes.NOT_FOUND:
                said = ", ".join(query.values())
                raise Absent("mlflow.absent", f"The MLflow server knows no {said}.", "Check name and version.")
            response.raise_for_status()
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise _unavailable(error) from error
        if not isinstance(answer, dict):
            raise Unavailable("mlflow.answer", "The address does not answer as an MLflow server does.", "Check it.")
        return answer


def _served_path(location: str) -> str:
    """The path under which the server serves what lies at `location`."""
    if not location.startswith(SERVED):
        kind = location.partition(":")[0]
        hint = "Start the server with --serve-artifacts and --artifacts-destination."
        raise FixInput("mlflow.artifacts", f"The model lies in {kind}, which the MLflow server does not serve.", hint)
    # With a host in it, as in mlflow-artifacts://host/path, the host is that of the server.
    return re.sub(r"^//[^/]*", "", location.removeprefix("mlflow-artifacts:")).strip("/")


def _single_name(path: str) -> str:
    """The last part of a path that a server sent, which must not lead anywhere else."""
    name = PurePosixPath(path).name
    if name in ("", ".", "..") or "\0" in name:
        raise FixInput("mlflow.name", "The MLflow server names a file that is none.", "Log the model again.")
    return name


def _sink(path: Path | None) -> BinaryIO:
    """A file at `path`; without one, what is written goes nowhere."""
    if path is None:
        return open(os.devnull, "wb")  # noqa: PTH123
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable("mlflow.unreachable", f"The MLflow server does not answer: {error}.", "Is it running?")
