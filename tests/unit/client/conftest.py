from __future__ import annotations

import pytest
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import secret_of, serving

from holdfast import Client


@pytest.fixture
def clients(server):  # noqa: F811
    """Clients of people by name, of a control plane behind a real HTTP server."""
    made = []

    def client(who):
        made.append(Client(url, secret_of(server.office, server.platform, who)))
        return made[-1]

    with serving(server.app) as url:
        yield client
        for one in made:
            one.close()
