"""`holdfast up`: starts, says where it is and who comes in first, stops when told to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest

COMMAND = [sys.executable, "-c", "from holdfast.cli.main import run; run()", "up", "--json"]


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(home, port):
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    command = [*COMMAND, "--home", str(home), "--port", str(port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def read_document(process):
    lines = []
    while not lines or lines[-1] != "}\n":
        lines.append(process.stdout.readline())
        assert lines[-1], process.stderr.read()
    return json.loads("".join(lines))


def test_it_starts_and_stops(tmp_path, port):
    process = start(tmp_path, port)
    said = read_document(process)
    assert said["url"] == f"http://127.0.0.1:{port}"
    page = httpx.get(said["first_administrator"], timeout=30)
    assert (page.status_code, "Welcome" in page.text) == (200, True)
    taken = subprocess.run(
        [*COMMAND, "--home", str(tmp_path / "b"), "--port", str(port)], capture_output=True, check=False
    )
    assert (taken.returncode, json.loads(taken.stdout)["error"]["code"]) == (2, "server.port")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    again = start(tmp_path, port)
    assert read_document(again)["first_administrator"] != said["first_administrator"]
    again.send_signal(signal.SIGTERM)
    again.wait(30)
