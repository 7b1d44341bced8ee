"""The code's revision, as git says it. No git, or no repository, is no error: there is then no revision."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from holdfast.domain.provenance import Revision
from holdfast.pipelines.secrets import without_password


def read_revision(folder: Path) -> Revision | None:
    """The commit that is checked out in `folder`, and whether tracked files differ from it."""
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    if not commit:
        return None
    is_dirty = bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))
    return Revision(commit.strip(), is_dirty, without_password(_git(folder, "remote", "get-url", "origin").strip()))


def tracked_files(folder: Path) -> frozenset[Path]:
    """The real paths of the files that git tracks under `folder`."""
    names = _git(folder, "ls-files", "-z").split("\0")
    return frozenset((folder / name).resolve() for name in names if name)


def _git(folder: Path, *words: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    # No lock is taken and no file system monitor started, so that looking changes nothing and runs nothing.
    done = subprocess.run(  # noqa: S603 - fixed words, no shell
        [git, "--no-optional-locks", "-c", "core.fsmonitor=false", "-C", str(folder), *words],
        capture_output=True,
        check=False,
    )
    return os.fsdecode(done.stdout) if done.returncode == 0 else ""
