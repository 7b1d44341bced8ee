"""What waits for a person on its way from the gateway to a real control plane."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.flows.holding import DECISION, IDS, held
from tests.unit.flows.journey import registered
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import secret_of, serving

from holdfast.decisions.master import MasterKey
from holdfast.decisions.subjects import Subjects
from holdfast.domain.errors import FixInput, Tampered, Unavailable
from holdfast.domain.review import HumanReview
from holdfast.flows.review import read_content
from holdfast.flows.subjects import erase_subject
from holdfast.gateway.http.upstream import Origin, Patience, Upstream
from holdfast.gateway.review.held import HeldFolder
from holdfast.gateway.review.reviews import Reviews
from holdfast.testing.desk import START

pytestmark = pytest.mark.anyio


class Way:
    """A folder of what is held, and a control plane where one system is registered."""

    def __init__(self, house, folder):
        registered(house.office)
        self.house, self.desk = house, house.office.desk
        self.vault = Subjects(folder / "gateway.db", MasterKey.in_file(folder / "gateway.key"))
        self.folder = HeldFolder(folder / "reviews")

    def to(self, url, who="developer"):
        plane = Upstream(Origin(url), Patience(connect=1.0, failures=1000))
        return Reviews(self.folder, plane, secret_of(self.house.office, self.house.platform, who), self.vault.open)

    def add(self, subject="5b2c", **changes):
        """One that waits, its name sealed; its decision's id."""
        made = replace(DECISION, id=IDS.next(), subject=subject, **changes)
        (sealed,) = self.vault.seal_all([made], ["name"])
        self.folder.add([replace(held(), decision=sealed)])
        return made.id

    def shown(self, id):
        held = read_content(self.desk, self.house.office.caller("reviewer"), id)
        return dict(held.decision.inputs) if held is not None else None

    def left(self):
        return len(self.folder.exchanges())


class Named:
    """Keys that know one person by a pseudonym of the test's own."""

    def __init__(self, vault, pseudonym):
        self.erase, self.pseudonym = vault.erase, lambda _who: pseudonym


@pytest.fixture
def way(server, tmp_path):  # noqa: F811
    return Way(server, tmp_path)


async def test_it_is_opened_where_its_keys_are_and_filed_once(way):
    known, erased = way.add(), way.add(subject="77aa")
    way.vault.erase("77aa", "2026-11-24T09:00:00Z")
    with serving(way.house.app) as url:
        reviews = way.to(url)
        again = {path: path.read_bytes() for path in way.folder.exchanges()}
        assert (await reviews.file_all(), reviews.trouble, way.left()) == (2, None, 0)
        for path, body in again.items():  # as a gateway that died before it could take them out
            path.write_bytes(body)
        assert (await reviews.file_all(), way.desk.store.count(HumanReview)) == (2, 2)
    assert way.shown(known) == {"name": "Ada Lovelace", "age": 93}
    assert way.shown(erased) == {"age": 93}


async def test_whoever_is_erased_is_forgotten_at_the_control_plane_too(way):
    before, other = way.add(), way.add(subject="77aa")
    with serving(way.house.app) as url:
        reviews = way.to(url)
        assert await reviews.file_all() == 2
        erasure = erase_subject(Named(way.vault, "5b2c"), "Ada", lambda: START, way.folder)
        assert (erasure.had_key, await reviews.file_all(), reviews.trouble) == (True, 1, None)
        assert way.shown(before) is None
        assert way.shown(other) == {"name": "Ada Lovelace", "age": 93}

        late, opened = way.add(subject="cc01"), reviews._opened
        reviews._opened = lambda decision: (opened(decision), way.vault.erase("cc01", "2026-11-24T09:00:00Z"))[0]
        assert (await reviews.file_all(), reviews.trouble, way.folder.forgotten()) == (2, None, [])
        assert way.shown(late) is None, "erased between opening and arrival"


async def test_one_that_is_refused_or_damaged_keeps_back_no_other_and_stays(way):
    unknown, changed, fine = way.add(system="nobody's"), way.add(), way.add()
    whole = way.folder.find(changed)
    way.folder.add([replace(whole, decision=replace(whole.decision, sealed="AAAA" + whole.decision.sealed[4:]))])
    (way.folder.exchanges()[0].parent / "0.json").write_text("{")
    with serving(way.house.app) as url:
        reviews = way.to(url)
        assert await reviews.file_all() == 1
        assert isinstance(reviews.trouble, FixInput | Tampered)
    assert (way.left(), reviews.waiting) == (3, 3)
    assert way.folder.find(unknown) is not None
    assert way.folder.find(fine) is None


async def test_without_a_control_plane_or_leave_nothing_is_lost(way):
    way.folder.add([held(), held()])
    with serving(way.house.app) as url:
        reviews = way.to(url, "viewer")
        assert await reviews.file_all() == 0
        assert isinstance(reviews.trouble, Unavailable)
    reviews = way.to(url)
    assert (await reviews.file_all(), way.left(), reviews.waiting) == (0, 1, 1)
    assert isinstance(reviews.trouble, Unavailable)
    second = way.folder.read(way.folder.exchanges()[0]).held[1]
    assert way.folder.find(second.decision.id) == second
