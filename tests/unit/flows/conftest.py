from __future__ import annotations

import pytest

from holdfast.testing.desk import office as open_office


@pytest.fixture
def office(tmp_path, governed):
    with open_office(tmp_path, governed) as made:
        yield made.founded()
