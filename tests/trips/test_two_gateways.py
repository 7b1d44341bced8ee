"""Two gateways, one Valkey, one control plane on PostgreSQL, and the connections between them cut.

What holds is stated in `SharedPurse` and `Meter`: together never more than the day's amount; who is cut off from Valkey
goes on with what is leased, a fiftieth of the amount, and then refuses within a second.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, suppress

import httpx
import pytest
from tests.postgresql import database
from tests.trips.gateways import ROOT, free_port, logged
from tests.trips.test_gateway import DOCUMENT, House
from tests.unit.flows.journey import SYSTEM
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import serving

from holdfast.gateway.access.budgets import PARTS
from holdfast.gateway.access.valkey import REST, SECONDS

VALKEY = shutil.which("valkey-server") or shutil.which("redis-server")
AMOUNT = 1_000
LEASE = AMOUNT // PARTS


@pytest.fixture
def governed(postgresql_server, postgresql_template):
    """The control plane of this trip is on PostgreSQL, whatever others are on."""
    from holdfast.storage.engine import open_engine
    from holdfast.storage.sql import SqlStore

    with database(postgresql_server, postgresql_template) as url:
        engine = open_engine(url)
        yield SqlStore(engine)
        engine.dispose()


@pytest.fixture
def valkey():
    if VALKEY is None:
        pytest.skip("no Valkey or Redis is installed")
    port = free_port()
    words = [VALKEY, "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, cwd=ROOT / "tests")
    while socket.socket().connect_ex(("127.0.0.1", port)):
        time.sleep(0.02)
    yield port
    process.kill()
    process.wait()


class Cable:
    """A TCP connection that can be cut so that nothing more arrives, and nobody is told."""

    def __init__(self, port: int):
        self.whole = threading.Event()
        self.whole.set()
        self._target = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                far = socket.create_connection(("127.0.0.1", self._target))
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError), one, other:
            while data := one.recv(65_536):
                self.whole.wait()
                other.sendall(data)

    def close(self) -> None:
        self.whole.set()
        self._listening.close()


def gateway_of(house: House, plane: str, name: str, port: int) -> House:
    """Another gateway of the same control plane, with a home and a log of its own."""
    folder = house.folder / name
    folder.mkdir()
    for file in ("reference.json", "policy.yaml", "model.joblib"):
        shutil.copy(house.folder / file, folder / file)
    made = object.__new__(House)
    made.__dict__ |= house.__dict__ | {"folder": folder, "port": free_port(), "process": None}
    key = next(line for line in (house.folder / "gateway.yaml").read_text().splitlines() if "key:" in line)
    fields = {"port": made.port, "plane": plane, "key": "KEY", "system": SYSTEM.name, "release": house.release}
    text = DOCUMENT.format(**fields).replace("gateway: g1", f"gateway: {name}")
    text = "\n".join(key if "KEY" in line else line for line in text.splitlines())
    valkey = f'budgets: {{valkey: "redis://127.0.0.1:{port}"}}\n'
    (folder / "gateway.yaml").write_text(text.replace("systems:\n", valkey + "systems:\n", 1))
    return made


class Caller(threading.Thread):
    """Asks one gateway for one row again and again, until it is told to stop or was refused so many times."""

    def __init__(self, house: House, secret: str, most: int):
        super().__init__(daemon=True)
        self.ids: list[str] = []
        self.refused = 0
        self.slowest = 0.0
        row = house.rows[:1]
        self._frame = {"dataframe_split": {"columns": list(row.columns), "data": row.astype(object).values.tolist()}}
        self._house, self._secret, self._most = house, secret, most
        self.start()

    def run(self) -> None:
        with httpx.Client(headers={"authorization": f"Bearer {self._secret}"}, timeout=30) as client:
            while len(self.ids) < self._most and self.refused < 5:
                start = time.monotonic()
                answer = client.post(self._house.url("/loans/invocations"), json=self._frame)
                self.slowest = max(self.slowest, time.monotonic() - start)
                if answer.status_code == 200:
                    self.ids.append(answer.headers["holdfast-decision"])
                else:
                    assert answer.status_code == 429, answer.text
                    self.refused += 1


def both(houses, secret, most: int) -> list[Caller]:
    callers = [Caller(house, secret, most) for house in houses for _ in range(2)]
    for caller in callers:
        caller.join(120)
    return callers


def test_budgets_hold_and_each_log_is_kept_while_connections_are_cut(server, valkey, tmp_path):  # noqa: F811
    with ExitStack() as stack:
        plane = stack.enter_context(serving(server.app))
        house = House(server, plane, tmp_path)
        cables = [Cable(valkey), Cable(valkey)]
        houses = [gateway_of(house, plane, name, cable.port) for name, cable in zip(("g1", "g2"), cables, strict=True)]
        for one in houses:
            stack.callback(one.stop)
            one.start()
        secret = house.issue(rows=AMOUNT)
        for one in houses:
            one.until(200, secret=secret, seconds=3.0)
        kept = {one.folder.name: [] for one in houses}

        def spend(who, most):
            callers = both(who, secret, most)
            for caller in callers:
                kept[caller._house.folder.name] += caller.ids
            return callers

        spend(houses, 50)
        cables[1].whole.clear()
        start = time.monotonic()
        cut = spend(houses[1:], 10_000)
        assert sum(len(caller.ids) for caller in cut) <= 2 * LEASE
        assert max(caller.slowest for caller in cut) < SECONDS + REST + 1.0
        assert time.monotonic() - start < 15
        assert sum(len(caller.ids) for caller in spend(houses[:1], 50)) == 100

        cables[1].whole.set()
        time.sleep(REST + 0.5)
        assert sum(len(caller.ids) for caller in spend(houses[1:], 20)) == 40
        spend(houses, 10_000)
        used = sum(map(len, kept.values())) + len(houses)
        assert AMOUNT - 4 * LEASE <= used <= AMOUNT
        for cable in cables:
            cable.close()
    for one in houses:
        found = logged(one.folder / "home", str(one.folder / "decisions/segments"))
        assert set(kept[one.folder.name]) <= set(found)
        assert set(found.values()) == {1}
        others = {id for name, ids in kept.items() if name != one.folder.name for id in ids}
        assert not others & set(found)
