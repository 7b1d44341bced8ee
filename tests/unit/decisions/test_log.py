"""What is appended is there, once, whichever way it went: journal, queue or segment."""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter
from dataclasses import replace

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.decisions.making import IDS, decision, ledger, segment_log, wait_for

from holdfast.decisions.adopt import adopt_all
from holdfast.decisions.apart import seal_apart
from holdfast.decisions.columns import rows_in, tabulate
from holdfast.decisions.keeper import SealWhen
from holdfast.decisions.payload import decode, encode
from holdfast.decisions.read import Reader
from holdfast.decisions.rows import row_of
from holdfast.decisions.segments import FolderSegments
from holdfast.decisions.wal import Wal
from holdfast.domain.errors import Absent, Conflict, FixInput, Tampered, Unavailable
from holdfast.ledger.decided import DECISIONS, decision_of


def reader(folder):
    return Reader(folder / "log", FolderSegments(folder / "segments"))


def kept(made):
    """A decision as the log keeps it: without missing values, names in order."""
    tidy = {
        name: tuple(sorted(field for field in getattr(made, name) if field[1] is not None))
        for name in ("inputs", "outputs")
    }
    return replace(made, **tidy)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)
FIELDS = st.dictionaries(st.sampled_from(["age", "x:text", "a:", ":", "ü", ""]), SCALARS).map(
    lambda d: tuple(d.items())
)


def same(ours, theirs):
    """Equal, with integers among floats as floats."""
    return ours == theirs and [type(v) for _, v in ours.inputs if type(v) in (bool, str)] == [
        type(v) for _, v in theirs.inputs if type(v) in (bool, str)
    ]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=6))
def test_a_decision_comes_back_as_it_was(drawn):
    made = [decision(inputs=inputs, outputs=outputs) for inputs, outputs in drawn]
    rows = [decode(encode(DECISIONS, row_of(each)))[1] for each in made]
    back = [decision_of(row) for row in rows_in(tabulate(DECISIONS, rows))]
    assert all(same(ours, kept(theirs)) for ours, theirs in zip(back, made, strict=True))


def test_a_decision_is_found_before_and_after_it_is_sealed(tmp_path):
    made = [decision(number) for number in range(50)]
    with segment_log(tmp_path) as log:
        log.append(made)
        assert reader(tmp_path).find(made[7].id) == kept(made[7])
        assert log.seal() == 0
        assert reader(tmp_path).find(made[7].id) == kept(made[7])
        late = decision(99, at="2026-11-28T12:00:00.000000Z")
        log.append([late])
        connection = duckdb.connect()
        relation = reader(tmp_path).relation(connection, system="credit")
        assert relation.aggregate("count(*), count(distinct id), max(input_age)").fetchall() == [(51, 51, 99)]
        batches = reader(tmp_path).batches(first="2026-11-28T11:00:00Z", columns=["id"])
        assert [id for batch in batches for id in batch.column("id").to_pylist()] == [late.id]
    with pytest.raises(Absent):
        reader(tmp_path).find(IDS.next())


def test_a_reader_sees_each_row_once_while_rows_move(tmp_path):
    acknowledged: list[str] = []
    is_over = threading.Event()

    def work() -> None:
        while not is_over.is_set():
            log.append(made := [decision()])
            acknowledged.append(made[0].id)

    with segment_log(tmp_path, seal_when=SealWhen(rows=30, every=0.01)) as log:
        writers = [threading.Thread(target=work) for _ in range(3)]
        for writer in writers:
            writer.start()
        for _ in range(20):
            before = set(acknowledged)
            batches = reader(tmp_path).batches(columns=["id"])
            found = Counter(id for batch in batches for id in batch.column("id").to_pylist())
            assert set(found.values()) <= {1}
            assert before <= set(found)
        is_over.set()
        for writer in writers:
            writer.join()


def test_other_engines_read_segments_of_releases_with_other_features(tmp_path):
    with segment_log(tmp_path) as log:
        log.append([decision(number) for number in range(10)])
        log.seal()
        log.append([decision(number, inputs=(("age", 40.5), ("region", "north"))) for number in range(5)])
        log.append([decision(system="a b=ü")])
        log.seal()
    everywhere = str(tmp_path / "segments/decisions/*/*/*.parquet")
    found = duckdb.sql(
        f"""SELECT system, count(*) AS n, count(input_region) AS regions, sum(input_age) AS ages
            FROM read_parquet('{everywhere}', union_by_name=true, hive_partitioning=true) GROUP BY system ORDER BY n"""
    )
    assert found.fetchall() == [("a b=ü", 1, 0, 0.0), ("credit", 15, 5, 45 + 5 * 40.5)]
    frames = [pd.read_parquet(path) for path in sorted((tmp_path / "segments").rglob("*.parquet"))]
    assert {"id", "input_age", "output_score"} <= set(frames[0].columns)
    unquoted = ", ".join(f"min({name})" for name in frames[0].columns)  # none is a word that SQL keeps for itself
    everything = f"read_parquet('{everywhere}', union_by_name=true)"
    assert duckdb.sql(f"SELECT {unquoted} FROM {everything}").arrow().read_all().num_rows == 1
    assert frames[0]["decided_at"].dt.tz is not None
    assert reader(tmp_path).relation(duckdb.connect()).aggregate("sum(input_age)").fetchall() == [(45 + 5 * 40.5,)]


def test_values_of_one_name_with_several_types_stand_side_by_side(tmp_path):
    made = [decision(inputs=(("x", value),)) for value in (1, 1.5, "one", True, None, 2**60, math.inf)]
    with segment_log(tmp_path) as log:
        log.append(made)
        log.seal()
        log.append([decision(inputs=(("x", "later"),))])
    assert [reader(tmp_path).find(each.id).inputs for each in made] == [kept(each).inputs for each in made]
    columns = reader(tmp_path).relation(duckdb.connect()).columns
    assert {"input_x", "input_x:int", "input_x:text", "input_x:bool"} <= set(columns)


@pytest.mark.parametrize(
    "changes",
    [
        {"inputs": (("x", 2**63),)},
        {"inputs": (("x", "\ud800"),)},
        {"inputs": (("x", b"bytes"),)},
        {"id": "7"},
        {"id": "01935a1e-0000-4000-8000-000000000000"},
        {"at": "2026-11-28T10:00:00"},
        {"at": "yesterday"},
        {"system": ""},
        {"inputs": (("x", "a" * 17_000_000),)},
    ],
)
def test_what_no_segment_can_hold_is_refused_before_anything_is_written(tmp_path, changes):
    with segment_log(tmp_path) as log:
        with pytest.raises(FixInput):
            log.append([decision(), decision(**changes)])
        log.append([decision()])
    assert sum(batch.num_rows for batch in reader(tmp_path).batches()) == 1


def test_content_larger_than_an_entry_of_the_journal_comes_back_whole(tmp_path):
    texts = ["ü" * 200_000, "", "a" * 65_534, "a" * 65_535]
    made = [decision(inputs=(("prompt", text),)) for text in texts]
    with segment_log(tmp_path) as log:
        log.append(made)
        assert [reader(tmp_path).find(each.id) for each in made] == made
        log.seal()
    assert [reader(tmp_path).find(each.id) for each in made] == made


def test_threads_and_coroutines_share_commits(tmp_path):
    made = [decision(number) for number in range(200)]

    async def many(log):
        await asyncio.gather(*(log.append_async([each]) for each in made[100:]))

    with segment_log(tmp_path) as log:
        threads = [threading.Thread(target=log.append, args=([each],)) for each in made[:100]]
        for thread in threads:
            thread.start()
        asyncio.run(many(log))
        for thread in threads:
            thread.join()
        assert log.seal() == 0
    ids = [id for batch in reader(tmp_path).batches(columns=["id"]) for id in batch.column("id").to_pylist()]
    assert sorted(ids) == sorted(each.id for each in made)


def test_one_process_writes_to_a_gateways_folder(tmp_path):
    with (
        segment_log(tmp_path),
        pytest.raises(Conflict, match="Another process"),
        segment_log(tmp_path),
    ):
        pass


def test_sealing_apart_keeps_all_and_says_what_went_wrong(tmp_path):
    when = SealWhen(rows=10, every=0.02)
    with segment_log(tmp_path, seal_when=when, apart=True) as log:
        log.append([decision() for _ in range(10)])
        assert wait_for(lambda: len(FolderSegments(tmp_path / "segments").places()) == 1)
        log.append([decision()])
    assert sum(batch.num_rows for batch in reader(tmp_path).batches()) == 11
    journal = Wal.create(tmp_path / "log/wal/torn")
    journal.append([b'["letters",{}]'])
    with pytest.raises(Unavailable, match="newer than this") as caught:
        seal_apart(journal.folder)
    assert caught.value.code == "decisions.newer"
    with pytest.raises(Unavailable, match="cannot be sealed"):
        seal_apart(tmp_path / "log/wal/nobody")
    journal.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "log").write_bytes(b"")
    with pytest.raises(Unavailable, match="cannot be opened"), segment_log(tmp_path):
        pass
    with pytest.raises(FixInput, match="gateway name"), segment_log(tmp_path, "../other"):
        pass


def test_segments_are_sealed_by_size_by_age_and_on_drain(tmp_path):
    def segments():
        return len(list((tmp_path / "segments").rglob("*.parquet")))

    with segment_log(tmp_path, seal_when=SealWhen(rows=10, seconds=1e9, every=0.01)) as log:
        log.append([decision() for _ in range(9)])
        log.append([decision()])
        assert wait_for(lambda: segments() == 1)
        log.append([decision()])
    assert segments() == 2
    with segment_log(tmp_path, seal_when=SealWhen(seconds=0.05, every=0.01)) as log:
        log.append([decision()])
        assert wait_for(lambda: segments() == 3)


def test_a_bound_lets_appends_return_before_the_disk_and_drain_keeps_all(tmp_path):
    made = [decision(number) for number in range(20)]
    with segment_log(tmp_path, within=30.0) as log:
        for each in made:
            log.append([each])
        with pytest.raises(Absent):
            reader(tmp_path).find(made[0].id)
    assert sum(batch.num_rows for batch in reader(tmp_path).batches()) == 20


class Slow:
    """A disk on which nothing gets done until `go`."""

    def __init__(self):
        self.go = threading.Event()

    def __call__(self, payloads):
        self.go.wait(20)


def test_a_slow_disk_pushes_back():
    from holdfast.decisions.commit import Committer

    disk = Slow()
    committer = Committer(disk, waiting_bytes=10_000)
    waiters = [threading.Thread(target=committer.submit, args=([b"x" * 2800],)) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    assert wait_for(lambda: committer._bytes >= 9_000)
    with pytest.raises(Unavailable, match="wait for the disk"):
        committer.submit([b"x" * 2800])
    disk.go.set()
    for waiter in waiters:
        waiter.join()
    committer.submit([b"x" * 2800])
    committer.close()


def test_a_batch_becomes_segments_at_once(tmp_path):
    rows = 300_000
    values = pa.table({
        "input_age": pa.array(range(rows), pa.int32()),
        "input_purpose": pa.array(["car", "home"] * (rows // 2)).dictionary_encode(),
        "input_nothing": pa.nulls(rows),
        "output_score": pa.array([0.5] * rows, pa.float32()),
        "subject": ["p"] * rows,
    })  # fmt: skip
    constant = {"system": "credit", "release": "sha256:" + "a" * 64, "environment": "batch", "lane": "live"}
    with segment_log(tmp_path) as log:
        ids = log.append_batch(values, **constant, ended="answered", principal="nightly")
        found = reader(tmp_path).find(ids[123_457])
        log.seal()
    assert found.inputs == (("age", 123_457), ("purpose", "home"))
    assert (found.gateway, found.subject, found.environment) == ("g1", "p", "batch")
    assert reader(tmp_path).find(ids[299_999]).inputs[0] == ("age", 299_999)
    assert len(list((tmp_path / "segments").rglob("*.parquet"))) == 2
    with segment_log(tmp_path) as log, pytest.raises(FixInput, match="columns"):
        log.append_batch(pa.table({"age": [1]}), **constant)


def test_an_outage_of_the_segments_place_or_the_ledger_delays_and_loses_nothing(tmp_path):
    class Broken(FolderSegments):
        def put(self, place, file):
            raise Unavailable("decisions.segments", "the bucket is out of reach")

    made = decision()
    with segment_log(tmp_path, segments=Broken(tmp_path / "segments")) as log:
        log.append([made])
        assert log.seal() == 1
        assert reader(tmp_path).find(made.id) == kept(made)
    assert not (tmp_path / "segments").exists()
    with segment_log(tmp_path) as log:
        assert log.seal() == 0
    assert reader(tmp_path).find(made.id) == kept(made)
    with ledger(tmp_path) as log:
        assert log.head()[0] == 1


def test_a_living_process_adopts_what_a_dead_one_left(tmp_path):
    made = decision()
    dead = Wal.create(tmp_path / "log/wal/dead")
    dead.append([encode(DECISIONS, row_of(made))])
    dead.close()
    with segment_log(tmp_path, "living"):
        assert wait_for(lambda: not (tmp_path / "log/wal/dead").exists())
    assert reader(tmp_path).find(made.id) == kept(made)


def test_neighbours_adopt_at_once_and_the_name_may_come_back_meanwhile(tmp_path):
    for number in range(12):
        dead = Wal.create(tmp_path / f"log/wal/dead-{number}")
        dead.append([encode(DECISIONS, row_of(decision(number)))])
        dead.close()
    (tmp_path / "log/wal/half").mkdir()
    back = threading.Event()
    errors = []

    def come_back():
        try:
            for number in range(12):
                with segment_log(tmp_path, f"dead-{number}") as log:
                    log.append([decision(100 + number)])
        except Exception as error:
            errors.append(error)
        back.set()

    with segment_log(tmp_path, "one") as one, segment_log(tmp_path, "two") as two:
        thread = threading.Thread(target=come_back)
        thread.start()
        place = FolderSegments(tmp_path / "segments")
        while not back.is_set():
            for log in (one, two):
                adopt_all(tmp_path / "log", place, log._deliver.args[1], but=log.gateway)
        thread.join()
        adopt_all(tmp_path / "log", place, one._deliver.args[1], but="one")
    assert errors == []
    ids = [id for batch in reader(tmp_path).batches(columns=["id"]) for id in batch.column("id").to_pylist()]
    assert (len(ids), len(set(ids))) == (24, 24)
    assert not (tmp_path / "log/wal/half").exists()


def test_a_damaged_neighbour_is_named_and_stops_nobody(tmp_path):
    dead = Wal.create(tmp_path / "log/wal/dead")
    dead.append([encode(DECISIONS, row_of(decision()))])
    dead.close()
    journal = next((tmp_path / "log/wal/dead/journal").glob("0*"))
    journal.write_bytes(b"x" + journal.read_bytes()[1:])
    when = SealWhen(rows=1, every=0.02)
    with segment_log(tmp_path, "living", seal_when=when) as log:
        log.append([decision()])
        assert wait_for(lambda: isinstance(log.trouble, Tampered))
        assert "dead" in log.trouble.message
        log.append([decision()])
        assert wait_for(lambda: FolderSegments(tmp_path / "segments").places() != [])
    assert (tmp_path / "log/wal/dead").exists()


def test_a_slow_bucket_holds_nobody_up(tmp_path):
    go = threading.Event()

    class Slow(FolderSegments):
        def put(self, place, file):
            go.wait(20)
            super().put(place, file)

    constant = {"system": "credit", "release": "r", "lane": "live", "ended": "answered"}
    when = SealWhen(rows=1, every=0.01)
    with segment_log(tmp_path, segments=Slow(tmp_path / "segments"), seal_when=when) as log:
        log.append([decision()])
        assert wait_for((tmp_path / "log/wal/g1/queue").is_dir)
        for _ in range(3):
            ids = log.append_batch(pa.table({"input_age": [1, 2]}), **constant)
            log.append([decision()])
        assert reader(tmp_path).find(ids[1]).inputs == (("age", 2),)
        assert not go.is_set()
        go.set()
    assert sum(batch.num_rows for batch in reader(tmp_path).batches()) == 10


def test_an_outage_does_not_make_a_segment_of_every_decision(tmp_path):
    class Broken(FolderSegments):
        def put(self, place, file):
            raise Unavailable("decisions.segments", "the bucket is out of reach")

    with segment_log(tmp_path, segments=Broken(tmp_path / "segments"), seal_when=SealWhen(rows=10, every=0.01)) as log:
        for _ in range(10):
            log.append([decision()])
        assert wait_for(lambda: log.trouble is not None)
        for _ in range(9):
            log.append([decision()])
            threading.Event().wait(0.02)
        assert len(list((tmp_path / "log/wal/g1/queue").iterdir())) == 1


def test_a_batch_takes_the_domains_words_only(tmp_path):
    constant = {"system": "credit", "release": "r", "lane": "live"}
    with segment_log(tmp_path) as log:
        for ended in ({"ended": "perhaps"}, {}):
            with pytest.raises(FixInput, match="ended"):
                log.append_batch(pa.table({"input_age": [1]}), **constant, **ended)
        with pytest.raises(FixInput, match="lane"):
            log.append_batch(pa.table({"input_age": [1, 2], "lane": ["live", "fast"]}), **{**constant, "lane": "live"})
        with pytest.raises(FixInput, match="one system"):
            log.append_batch(pa.table({"input_age": [1]}), lane="live", ended="answered")
