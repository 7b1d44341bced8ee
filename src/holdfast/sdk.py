"""The same trip from Python: `holdfast.check(model, data, ...)`, with a rich display in a notebook."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdfast.domain.appetite import Appetite
from holdfast.domain.drift import Drift, Standing
from holdfast.domain.errors import FixInput
from holdfast.domain.finding import Finding
from holdfast.domain.guard import Guarded
from holdfast.domain.measure import Measurement
from holdfast.domain.run import Run
from holdfast.domain.verdict import Outcome, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from holdfast.flows.attack import Watcher
    from holdfast.flows.guard_text import TextGuards

Table = Any
"""A pandas or Arrow table, or the path of a CSV, Parquet or Arrow file."""


@dataclass(frozen=True)
class CheckResult:
    """What a check established, and the `folder` with its report and evidence. Displays itself in a notebook."""

    run: Run
    folder: Path

    @property
    def outcome(self) -> Outcome:
        """Pass, breach or inconclusive."""
        return self.run.verdict.outcome

    @property
    def verdict(self) -> Verdict:
        """The verdict with its reasons."""
        return self.run.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, worst first."""
        return self.run.evidence.findings

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All measurements."""
        return self.run.evidence.measurements

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.folder / "report.html"

    def frame(self) -> pd.DataFrame:
        """All measurements as a table: measure, where, value, low, high, unit, n, probe."""
        import pandas as pd

        rows = [
            {
                "measure": m.measure,
                "where": m.where,
                "value": m.value,
                "low": m.interval.low if m.interval else None,
                "high": m.interval.high if m.interval else None,
                "unit": m.unit,
                "n": m.n,
                "probe": m.probe,
            }
            for m in self.measurements
        ]
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        from holdfast.reports.notebook import to_notebook

        return to_notebook(self.run)

    def __repr__(self) -> str:
        return f"<CheckResult {self.outcome.value}: {len(self.findings)} findings, report at {self.report}>"


def check(
    model: Any,
    data: Table,
    *,
    target: str,
    train: Table | None = None,
    name: str = "notebook",
    favourable: Any = None,
    protected: Sequence[str] = (),
    columns: Mapping[str, Mapping[str, Any]] | None = None,
    relations: Sequence[str] = (),
    threshold: float = 0.5,
    tier: str = "high",
    effort: str = "quick",
    only: Sequence[str] = (),
    appetite: Appetite | None = None,
    allow: Sequence[str] = (),
    seed: int = 0,
    home: Path | str = ".holdfast",
    watcher: Watcher | None = None,
) -> CheckResult:
    """Attack a model and hold it to the risk appetite, as `holdfast check` does.

    `model` is a fitted estimator, which is written to disk, scanned and loaded again in an isolated worker, or a path,
    ``python:module.function`` or URL. `data` is held-out rows with the outcome column `target`; `train` the rows that
    the model was fitted on. `columns` maps a feature to its constraints as in the
    manifest (``{"age": {"immutable": True}}``).
    State and reports go to `home`. Raises `FixInput` where what was given does not fit together, and
    `RefusedArtifact` never: a model that the scan does not allow ends in a breach.
    """
    from holdfast.flows.check import check as take
    from holdfast.wiring import project_of

    place = Path(home).resolve()
    document = {
        "holdfast": 1,
        "system": {"name": name, "tier": tier},
        "model": {"path": _model_path(model, place), "threshold": threshold, "allow": list(allow)},
        "data": {
            "test": _table_path(data, place),
            "train": None if train is None else _table_path(train, place),
            "target": target,
            "favourable": favourable,
            "protected": list(protected),
            "columns": {key: dict(value) for key, value in (columns or {}).items()},
            "relations": list(relations),
        },
        "seed": seed,
    }
    project = project_of(document, Path.cwd(), home=place, effort=effort, only=tuple(only), appetite=appetite)
    with project.house() as house:
        run = take(project.request, house, watcher or _silent())
        return CheckResult(run, house.runs.path(run.id))


def check_chat(
    url: str,
    *,
    model: str = "",
    dialect: str = "openai",
    key: str = "",
    system_prompt: str = "",
    tools: Sequence[Mapping[str, Any]] = (),
    policy: Path | str | None = None,
    name: str = "notebook",
    tier: str = "high",
    effort: str = "quick",
    only: Sequence[str] = (),
    appetite: Appetite | None = None,
    seed: int = 0,
    home: Path | str = ".holdfast",
    watcher: Watcher | None = None,
    **more: Any,
) -> CheckResult:
    """Attack a model of language behind a URL and hold it to the risk appetite, as `holdfast check` does.

    `url` is the address below which the `dialect` (``openai`` or ``anthropic``) has its endpoint, `key` the name of the
    environment variable that holds the API key. `system_prompt` and `tools` (schemas in either dialect) are what it is
    deployed with, `policy` the file with the guards around it. `more` are further keys of `model.chat` in a manifest
    (``max_tokens=500``). State and reports go to `home`.
    """
    from holdfast.flows.check import check as take
    from holdfast.wiring import project_of

    place = Path(home).resolve()
    chat: dict[str, Any] = {"url": url, "model": model, "dialect": dialect, "key": key, **more}
    if system_prompt:
        chat["system_prompt"] = str(_kept(system_prompt.encode(), place, ".txt"))
    if tools:
        chat["tools"] = str(_kept(json.dumps(list(tools)).encode(), place, ".json"))
    if policy is not None:
        chat["policy"] = str(Path(policy).resolve())
    document = {"holdfast": 1, "system": {"name": name, "tier": tier}, "model": {"chat": chat}, "seed": seed}
    project = project_of(document, Path.cwd(), home=place, effort=effort, only=tuple(only), appetite=appetite)
    with project.house() as house:
        run = take(project.request, house, watcher or _silent())
        return CheckResult(run, house.runs.path(run.id))


def _silent() -> Watcher:
    from holdfast.flows.attack import Silence

    return Silence()


def _model_path(model: Any, home: Path) -> str:
    """Where the model is; an object in memory is written beside the other state, by the digest of its bytes."""
    if isinstance(model, Path):
        return str(model.resolve())
    if isinstance(model, str):
        return model if "://" in model or model.startswith("python:") else str(Path(model).resolve())
    if isinstance(model, Callable) and not hasattr(model, "predict"):  # type: ignore[arg-type]
        raise FixInput(
            "sdk.callable", "A function in memory cannot be isolated.", "Put it in a file: 'python:module.function'."
        )
    import joblib

    buffer = io.BytesIO()
    try:
        joblib.dump(model, buffer)
    except Exception as error:  # whatever a model's own pickling raises
        raise FixInput("sdk.model", f"The model cannot be written to a file: {error}.", "Pass its path.") from error
    return str(_kept(buffer.getvalue(), home, ".joblib"))


def _table_path(table: Table, home: Path) -> str:
    if isinstance(table, str | Path):
        return str(Path(table).resolve())
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        arrow = table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)
    except (AttributeError, TypeError, pa.ArrowException) as error:
        kind = type(table).__name__
        raise FixInput("sdk.table", f"A {kind} is not a table: {error}.", "Pass a pandas or Arrow table.") from error
    buffer = io.BytesIO()
    pq.write_table(arrow, buffer)
    return str(_kept(buffer.getvalue(), home, ".parquet"))


def _kept(data: bytes, home: Path, suffix: str) -> Path:
    from holdfast.storage.cache import write_atomically

    path = home / "inputs" / (hashlib.sha256(data).hexdigest()[:24] + suffix)
    if not path.exists():
        write_atomically(path, data)
    return path


@dataclass(frozen=True)
class DriftResult:
    """What a comparison of two tables found. Displays itself in a notebook."""

    drift: Drift

    @property
    def outcome(self) -> Outcome:
        """Breach where something drifted; inconclusive where too few rows leave it open."""
        return self.drift.outcome

    @property
    def drifted(self) -> tuple[str, ...]:
        """The columns that drifted, the worst first."""
        return tuple(column.name for column in self.drift.of(Standing.DRIFTED))

    def frame(self) -> pd.DataFrame:
        """Every compared column as a row: standing, distance, by_chance, p_value, psi, jensen_shannon, wasserstein,
        missing and unseen.
        """
        import pandas as pd

        rows = [
            {
                "column": one.name,
                "standing": one.standing.value,
                "distance": one.difference.distance,
                "by_chance": one.difference.by_chance,
                "p_value": min(one.difference.p_value, one.missing_p_value),
                "psi": one.difference.psi,
                "jensen_shannon": one.difference.jensen_shannon,
                "wasserstein": one.difference.wasserstein,
                "missing": one.current.missing_share,
                "unseen": one.unseen,
            }
            for one in self.drift.columns
        ]
        return pd.DataFrame(rows)

    def save(self, path: Path | str) -> None:
        """Write the page with charts."""
        from holdfast.reports.drift_html import render
        from holdfast.storage.cache import write_atomically

        write_atomically(Path(path), render(self.drift))

    def _repr_html_(self) -> str:
        from holdfast.reports.drift_html import to_notebook

        return to_notebook(self.drift)


def drift(
    reference: Table,
    current: Table,
    *,
    limit: float = 0.1,
    alpha: float = 0.05,
    only: Sequence[str] = (),
    exclude: Sequence[str] = (),
    together: bool = False,
) -> DriftResult:
    """What changed from one table to another, and whether chance explains it.

    A column drifted where at least `limit` of the rows moved and chance does not explain it; of comparisons in which
    nothing changed, at most `alpha` accuse any column. `together` also asks whether columns go together as they did.
    FixInput where a table cannot be read or compared.
    """
    from holdfast.flows.drift import compare

    found = compare(reference, current, limit=limit, alpha=alpha, only=only, exclude=exclude, together=together)
    return DriftResult(found)


def guard(text: str, *, only: Sequence[str] = (), role: str = "user", policy: Path | str | None = None) -> Guarded:
    """What the guards on text say of a text: its `outcome` (allow, flag, redact or block), `guard`, `score`, `spans`
    and, as far as it may pass, `text`.

    `only` names some of ``injection``, ``pii`` and ``secrets``; a `policy` file says which guards run in place of
    these, and how. `role` is who speaks: user, system, assistant, tool or document. FixInput for a name that does not
    exist, a policy that cannot be read, or more than four million characters.
    """
    file = None if policy is None else Path(policy)
    return _guards(tuple(only), file, file.stat().st_mtime if file and file.exists() else 0.0).read(text, role)


@lru_cache(maxsize=16)
def _guards(only: tuple[str, ...], policy: Path | None, _written: float) -> TextGuards:
    from holdfast.flows.guard_text import TextGuards

    return TextGuards(only, policy)
