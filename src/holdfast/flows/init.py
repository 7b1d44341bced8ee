"""From a model file and a table to a first manifest, with every guess named so that a person can mend it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from holdfast.datasets.infer import Stated, guess_id, guess_protected, guess_target, infer_schema
from holdfast.datasets.read import TableSource, read_table
from holdfast.domain.errors import FixInput, ModelFailed, RefusedArtifact
from holdfast.domain.schema import Feature, Kind, Schema
from holdfast.flows.attack import open_model
from holdfast.manifest import DataSection, Manifest, ModelSection, Query, SystemSection
from holdfast.releases.plan import Obstacle
from holdfast.releases.release import Release
from holdfast.targets.spec import ModelFacts

MOST_COLUMNS = 80
"""Above this many features the manifest does not list them; their constraints stay inferred."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A manifest's text and what was guessed in it, in words."""

    text: str
    guesses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """What the person said; paths as they should stand in the manifest."""

    model: str
    test: str
    train: str | None = None
    target: str | None = None
    name: str | None = None


def draft_manifest(given: Given, folder: Path) -> Draft:
    """Open the model in isolation, read the table, and write down what they say; FixInput where they do not fit."""
    facts = _facts(given, folder)
    frame = read_table(TableSource(path=folder / (given.train or given.test)))
    target = given.target or guess_target(frame, facts.features)
    if target is None:
        found = ", ".join(map(str, frame.columns[:12]))
        raise FixInput("init.target", "It is not clear which column is the outcome.", f"Add --target; found: {found}.")
    names = [str(name) for name in frame.columns]
    features = facts.features
    others = [name for name in names if name != target and (features is None or name not in features)]
    id = guess_id(frame[others]) if others else None
    inputs = [name for name in names if name not in (target, id)]
    protected = guess_protected([name for name in names if name not in (target, id)])
    left_out = tuple(name for name in others if name != id and features is not None)
    stated = Stated(target=target, features=features, id=id, protected=protected, exclude=left_out)
    schema = infer_schema(frame, stated)
    return Draft(_text(given, schema, left_out, guesses := _guesses(given, facts, schema, len(inputs))), guesses)


def _facts(given: Given, folder: Path) -> ModelFacts:
    """The model's own account of itself; the errors of the main trip where it cannot give one."""
    manifest = Manifest(
        holdfast=1,
        system=SystemSection(name="draft"),
        model=ModelSection(path=given.model),
        data=DataSection(test=Query(path=given.test), target=given.target or "?"),
    )
    facts = open_model(Release(manifest, folder))
    if isinstance(facts, Obstacle):
        kind = RefusedArtifact if facts.refused else ModelFailed
        hint = "Run `holdfast scan` on it to see why." if facts.refused else facts.hint
        raise kind("init.model", facts.reason, hint)
    return facts


def _guesses(given: Given, facts: ModelFacts, schema: Schema, inputs: int) -> tuple[str, ...]:
    """Everything that a person should look at, one sentence each."""
    guesses = [
        f"The model is {facts.library}; it answers {schema.task.value} questions.",
        f"The outcome is the column `{schema.target}`." + ("" if given.target else " (guessed)"),
    ]
    if schema.classes:
        favourable = schema.classes[-1]
        guesses.append(f"The outcome that people want is `{favourable}`. Change `favourable` if it is the other one.")
    if facts.features is None:
        guesses.append(f"The model names no features; all {inputs} other columns are taken, in table order.")
    words = ", ".join(schema.protected)
    guesses.append(f"Protected attributes: {words}." if words else "No protected attribute was recognised; name them.")
    if schema.id:
        guesses.append(f"`{schema.id}` names the rows.")
    fixed = [f.name for f in schema.features if f.immutable]
    if fixed:
        guesses.append(f"Nobody can change: {', '.join(fixed)}.")
    guesses.append("Ranges and categories are those seen in the table. Add `cost:` to price an attacker's changes.")
    if given.train is None:
        guesses.append("No training table was given; poisoning and privacy probes need one (`data.train`).")
    return tuple(guesses)


def _text(given: Given, schema: Schema, left_out: tuple[str, ...], guesses: tuple[str, ...]) -> str:
    data: dict[str, object] = {"test": given.test}
    if given.train:
        data["train"] = given.train
    data["target"] = schema.target
    if schema.classes:
        data["favourable"] = schema.classes[-1]
    data["protected"] = list(schema.protected)
    data |= {"id": schema.id} if schema.id else {}
    data |= {"exclude": list(left_out)} if left_out else {}
    if schema.one_hot:
        data["one_hot"] = [list(group) for group in schema.one_hot]
    if len(schema.features) <= MOST_COLUMNS:
        data["columns"] = {feature.name: _column(feature) for feature in schema.features}
    name = given.name or Path(given.model).stem.replace("_", "-")
    document = {
        "holdfast": 1,
        "system": {
            "name": name,
            "purpose": "",
            "tier": "high",
            "owners": {"data": "", "model": "", "deployment": "", "monitoring": ""},
        },
        "model": {"path": given.model},
        "data": data,
    }
    header = "".join(
        f"# {line}\n" for line in ["Written by `holdfast init`. What it guessed; mend what is wrong:", *guesses]
    )
    return header + _yaml(document)


def _column(feature: Feature) -> dict[str, object]:
    facts: dict[str, object] = {"kind": feature.kind.value}
    if feature.kind is Kind.CATEGORY:
        facts["categories"] = list(feature.categories)
    else:
        facts |= {name: value for name, value in (("min", feature.low), ("max", feature.high)) if value is not None}
    if feature.immutable:
        facts["immutable"] = True
    if feature.monotone:
        facts["monotone"] = feature.monotone.value
    return facts


class _Flow(dict[str, object]):
    """A mapping written on one line."""


class _Dumper(yaml.SafeDumper):
    """YAML as a person would write it: one line a column."""


_Dumper.add_representer(
    _Flow, lambda dumper, value: dumper.represent_mapping("tag:yaml.org,2002:map", value.items(), flow_style=True)
)


def _yaml(document: dict[str, object]) -> str:
    data = document["data"]
    if isinstance(data, dict) and isinstance(data.get("columns"), dict):
        data["columns"] = {name: _Flow(facts) for name, facts in data["columns"].items()}
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=118)
    return text
