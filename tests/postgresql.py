"""A real PostgreSQL for tests: a cluster of its own in a temporary folder, on a socket and a free port.

It does not sync its files: no test cuts the power, and what one kills are the processes of Holdfast.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

TRUST = (
    "-c fsync=off -c max_connections=200 -c unix_socket_directories={folder} -c listen_addresses=127.0.0.1 -p {port}"
)


def find_tool(name: str) -> str | None:
    """Debian keeps the servers' tools off the path."""
    found = shutil.which(name)
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found or (str(versions[-1]) if versions else None)


@contextmanager
def cluster() -> Iterator[str]:
    """The URL of an empty cluster, which ends with the block; skips where PostgreSQL is not installed."""
    initdb, pg_ctl = find_tool("initdb"), find_tool("pg_ctl")
    if initdb is None or pg_ctl is None:
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="holdfast-pg-"))
    user = _unprivileged(folder)
    port = free_port()
    try:
        _run([initdb, "-D", str(folder / "data"), "-U", "holdfast", "-A", "trust", "-E", "UTF8"], user)
        options = TRUST.format(folder=folder, port=port)
        _run([pg_ctl, "-D", str(folder / "data"), "-w", "-l", str(folder / "log"), "-o", options, "start"], user)
        try:
            yield f"postgresql://holdfast@127.0.0.1:{port}"
        finally:
            _run([pg_ctl, "-D", str(folder / "data"), "-m", "immediate", "stop"], user)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new copy of the database `template` in the cluster at `server`, which ends with the block."""
    name = f"t{uuid.uuid4().hex}"
    url = server.replace("postgresql", "postgresql+psycopg", 1) + "/postgres"
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield f"{server}/{name}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    admin.dispose()


def _unprivileged(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root; its package brings a user."""
    if os.getuid() != 0:
        return None
    shutil.chown(folder, "postgres")
    return "postgres"


def _run(command: list[str], user: str | None) -> None:
    done = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def free_port() -> int:
    """A port of this machine on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
