"""Builds what watching asks for where there is no control plane: a log, a warehouse or segments, beside a kept run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast import canonical
from holdfast.domain.errors import Absent, FixInput, Unavailable
from holdfast.domain.run import Run
from holdfast.settings import read_settings
from holdfast.storage.runs import RECORD, RunFolders
from holdfast.wiring import decision_files, now, open_key

if TYPE_CHECKING:
    from holdfast.domain.look import Look
    from holdfast.domain.watch import Watch
    from holdfast.engines.view import View
    from holdfast.flows.admit_feedback import Feedback
    from holdfast.flows.look import Ground


def watch_log(
    home: Path, run: str, *, system: str, watch: Watch, segments: str = "", baseline: Path | None = None
) -> Look:
    """What the decision log in `home` shows against what a kept run (``latest``, or the first digits of its id) says is
    usual, held to the appetite of that run; or against a `baseline` that `learn_usual` wrote, held to none.
    """
    from holdfast.decisions.observe import Observations
    from holdfast.domain.verdict import timestamp
    from holdfast.flows.count_decisions import start_of
    from holdfast.flows.watch_log import watch_log as look

    if baseline is None:
        ground = ground_of(home, run, system=system, watch=watch)
    else:
        ground = _ground_by(baseline, home, system=system, watch=watch)
    files = decision_files(home, segments)
    rows = Observations(files.segments, files.reader).all(ground.system, ground.baseline, watch)
    return look(ground, rows, before=start_of(now(), watch.span), at=timestamp(now()))


def learn_usual(home: Path, *, system: str, release: str, segments: str = "") -> tuple[bytes, str]:
    """What is usual of a system that answers in text, by the first decisions of a release in the log of `home`; sealed
    with the key there, which is named in hex.
    """
    from holdfast.decisions.observe import Observations
    from holdfast.domain.profile import Profile
    from holdfast.domain.watch import Baseline, Batch, Watch
    from holdfast.ledger.envelope import seal
    from holdfast.plugins import find_monitors
    from holdfast.releases.text_baseline import text_baseline, text_schema

    files, watch = decision_files(home, segments), Watch(system)
    none = Profile(0, (), ())
    asked = Baseline(release, text_schema(), "", none, Batch("", 0, 0, none))
    rows = Observations(files.segments, files.reader).all(system, asked, watch)
    found = text_baseline(release, rows, find_monitors(read_settings().plugins))
    signer, _ = open_key(home)
    return seal(found, signer), signer.public_bytes().hex()


def _ground_by(baseline: Path, home: Path, *, system: str, watch: Watch) -> Ground:
    from holdfast.domain.watch import Baseline
    from holdfast.flows.look import Ground
    from holdfast.ledger.envelope import open_sealed
    from holdfast.plugins import find_monitors

    if not baseline.is_file():
        raise FixInput("watch.baseline", f"There is no baseline {baseline}.", "Make one with `holdfast watch learn`.")
    found = open_sealed(baseline.read_bytes(), open_key(home)[0].public_bytes(), Baseline)
    monitors = tuple(spec for spec in find_monitors(read_settings().plugins) if spec.id not in watch.skip)
    return Ground(system, found, watch, monitors)


def watch_table(home: Path, run: str, *, watch: Watch, url: str, table: str, view: View, labels: str = "") -> Look:
    """What a table of decisions in a warehouse shows (`url` as Ibis takes it), against a kept run as `watch_log` does;
    outcomes are in the table, or in a table of `labels`.
    """
    from holdfast.domain.verdict import timestamp
    from holdfast.flows.count_decisions import start_of

    try:
        import ibis

        from holdfast.flows.watch_table import watch_table as look
    except ModuleNotFoundError as error:
        hint = "pip install 'holdfast[warehouse]'"
        raise Unavailable("watch.extra", f"The package {error.name} is not installed.", hint) from error
    ground = ground_of(home, run, system="", watch=watch)
    try:
        connection = ibis.connect(url)
        decisions, outcomes = connection.table(table), connection.table(labels) if labels else None
    except Exception as error:  # each engine has errors of its own, and all say that it cannot be reached or read
        what = f"{table} cannot be read at {url.partition('://')[0]}: {str(error).splitlines()[0]:.200}"
        raise FixInput("watch.table", what, "Check the address, as Ibis takes it, and the table's name.") from error
    return look(ground, decisions, view, labels=outcomes, before=start_of(now(), watch.span), at=timestamp(now()))


def watch_segments(
    home: Path, run: str, *, system: str, watch: Watch, engine: str, state: Path, segments: str = ""
) -> Look:
    """What a log's sealed segments show, counted by an `engine` (duckdb or spark) that goes on from `state`; against a
    kept run as `watch_log` does.
    """
    from holdfast.domain.verdict import timestamp
    from holdfast.flows.count_decisions import start_of
    from holdfast.ledger.decided import DECISIONS, LABELS, folder_of

    ground = ground_of(home, run, system=system, watch=watch)
    place = decision_files(home, segments).segments
    names = [name for form in (DECISIONS, LABELS) for name in place.places(folder_of(form, ground.system))]
    found = {name: place.at(name) for name in names}
    if any(system.type_name != "local" for system, _ in found.values()):
        hint = "Mount the bucket, or name the folder it is copied to by --segments."
        raise FixInput("watch.bucket", "Engines read segments in a folder alone.", hint)
    files = {name: path for name, (_, path) in found.items()}
    try:
        from holdfast.flows.watch_segments import watch_segments as look

        connection = _engine(engine)
    except ModuleNotFoundError as error:
        hint = "pip install 'holdfast[warehouse]', or 'holdfast[spark]'"
        raise Unavailable("watch.extra", f"The package {error.name} is not installed.", hint) from error
    view = _view(ground, next(iter(files.values()), ""))
    return look(ground, connection, files, view, state, before=start_of(now(), watch.span), at=timestamp(now()))


def judge_feedback(home: Path, run: str, *, system: str, segments: str = "", table: Path | None = None) -> Feedback:
    """What is said of the labels of logged decisions, or of a `table` that a model is to learn from, by what a kept run
    says is usual of the release that decided.
    """
    from holdfast.datasets.load import to_dataset
    from holdfast.datasets.read import TableSource, read_table
    from holdfast.decisions.observe import Observations
    from holdfast.domain.watch import Watch
    from holdfast.flows.admit_feedback import admit_feedback, admit_table

    watch = Watch(system)
    ground, files = ground_of(home, run, system=system, watch=watch), decision_files(home, segments)
    rows = Observations(files.segments, files.reader).all(ground.system, ground.baseline, watch)
    if table is None:
        return admit_feedback(ground.baseline, rows)
    frame = read_table(TableSource(table))
    return admit_table(ground.baseline, rows, to_dataset(frame, ground.baseline.schema, digest="", name=table.name))


def _engine(name: str) -> Any:
    import ibis

    if name == "duckdb":
        return ibis.duckdb.connect()
    if name != "spark":
        raise FixInput("watch.engine", f"There is no engine {name!r:.40} here.", "There are: duckdb, spark.")
    from pyspark.sql import SparkSession

    return ibis.pyspark.connect(SparkSession.builder.getOrCreate())


def _view(ground: Ground, file: str) -> View:
    """How the log calls score and decision: as a gateway wrote them, or a shield."""
    import pyarrow.parquet as pq

    from holdfast.engines.view import gateway_view, shield_view

    schema = ground.baseline.schema
    by_gateway = gateway_view(schema)
    is_gateway = not file or by_gateway.decision in pq.read_schema(file).names
    return by_gateway if is_gateway else shield_view(schema)


def ground_of(home: Path, run: str, *, system: str, watch: Watch) -> Ground:
    """What a look rests on by a kept run: its baseline and its appetite."""
    from holdfast.domain.watch import Baseline
    from holdfast.flows.look import Ground
    from holdfast.ledger.bundle import BASELINE
    from holdfast.ledger.envelope import open_sealed
    from holdfast.plugins import find_monitors

    runs = RunFolders(home / "runs")
    id = runs.find(run)
    record, sealed = canonical.decode(Run, runs.read(id, RECORD) or b""), runs.read(id, BASELINE)
    if sealed is None:
        raise Absent("watch.baseline", f"The run {id} holds no baseline.", "Run `holdfast check`, without --only.")
    baseline = open_sealed(sealed, bytes.fromhex(record.key), Baseline)
    limits = record.appetite.binding(record.system.tier, baseline.schema.task, record.system.use_case)
    monitors = tuple(spec for spec in find_monitors(read_settings().plugins) if spec.id not in watch.skip)
    return Ground(system or record.system.name, baseline, watch, monitors, limits)
