from __future__ import annotations

from dataclasses import replace

import pytest

from holdfast.appetite import parse_appetite, read_appetite, write_appetite
from holdfast.domain.errors import FixInput
from holdfast.testing.runs import sample_appetite


@pytest.mark.parametrize("appetite", [read_appetite(None), sample_appetite()], ids=["shipped", "sample"])
def test_an_appetite_is_read_as_it_was_written(appetite):
    assert parse_appetite(write_appetite(appetite)) == appetite


def test_what_people_wrote_survives_the_writing():
    odd = replace(sample_appetite(), name="Ä: 'quoted' # not a comment", approved_by="no")
    assert parse_appetite(write_appetite(odd)) == odd


def test_a_mistake_names_its_line():
    with pytest.raises(FixInput, match="line 2"):
        parse_appetite("name: x\nlimits: 3\nversion: '1'\napproved_by: b\n")
