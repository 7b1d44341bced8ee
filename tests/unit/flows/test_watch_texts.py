"""A system that answers in text: its log keeps none, and shows all the same when people ask otherwise than before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

from holdfast.cli.main import app
from holdfast.domain.decision import Ended
from holdfast.domain.guard import Action
from holdfast.domain.ids import Ids
from holdfast.domain.policy import Policy
from holdfast.domain.watch import Watch
from holdfast.flows.converse import Chat, Heard, Said, Told, decision_of, rest_of
from holdfast.guards.passages import Passage
from holdfast.plugins import find_monitors
from holdfast.text.shape import FEWEST_WORDS, names_of, shape_of
from holdfast.wiring import open_archive, open_decision_log
from holdfast.wiring.watching import watch_log

SYSTEM, RELEASE = "helpdesk", "sha256:" + "c" * 64
FIRST, DAYS, ONSET, ASKED = datetime(2026, 6, 1, 12, tzinfo=UTC), 92, 80, 32
BESIDE = tuple(spec.id for spec in find_monitors() if spec.id != "drift.inputs")
ABOUT = ["account", "balance", "statement", "transfer", "branch", "mortgage", "interest", "savings", "card", "cheque"]
SAID = {
    "en": "Please tell me why the {} and the {} on my {} are not what they were in the month of {}",
    "de": "Bitte sagen Sie mir warum {} und {} auf {} nicht mehr so sind wie im Monat {}",
}


def asked(rng, *, german: float) -> str:
    said = SAID["de" if rng.random() < german else "en"].format(*rng.choice(ABOUT, 4))
    return said + " again" * int(rng.integers(0, 6))


def turn(chat: Chat, text: str, at: datetime, *, streamed: bool):
    said = Said((Passage("system", "Be kind."), Passage("user", "Hello"), Passage("user", text)), ())
    told, heard = (Passage("assistant", text[::-1]),), Heard(at, 0.0, Action.ALLOW)
    if not streamed:
        return [decision_of(chat, said, heard, Told(Ended.ANSWERED, told))]
    opened = decision_of(chat, said, heard, Told(Ended.OPENED))
    return [opened, decision_of(chat, *rest_of(said, heard, opened), Told(Ended.ANSWERED, told))]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home, rng, now = tmp_path_factory.mktemp("texts"), np.random.default_rng(3), FIRST
    ids = Ids(lambda: int(now.timestamp() * 1000))
    with open_archive(home) as archive, open_decision_log(archive, archive.registrar, "g1") as log:
        chat = Chat(
            system=SYSTEM, release=RELEASE, environment="production", gateway="g1", policy=Policy("p", "1", ()),
            log=log, clock=lambda: now, ids=ids, before=(), after=(),
        )  # fmt: skip
        made = []
        for day in range(DAYS):
            now = FIRST + timedelta(days=day)
            texts = [asked(rng, german=0.3 if day >= ONSET else 0.02) for _ in range(ASKED)]
            made += [one for at, text in enumerate(texts) for one in turn(chat, text, now, streamed=at % 3 == 0)]
        log.append(made)
    return home


def test_no_text_is_kept_and_another_language_is_seen(home):
    out = home / "usual.json"
    said = CliRunner().invoke(
        app, ["watch", "learn", SYSTEM, "--release", RELEASE, "--home", str(home), "--out", str(out)]
    )
    assert said.exit_code == 0, said.output
    look = watch_log(home, "", system=SYSTEM, watch=Watch(SYSTEM, skip=BESIDE), baseline=out)
    assert (len(look.starts), set(look.rows)) == (DAYS, {ASKED}), "a streamed turn counts once"
    changed = {(line.measure, line.where): look.starts[line.since] for line in look.lines if line.alarm is not None}
    onset = (FIRST + timedelta(days=ONSET)).date()
    since = {key: datetime.fromisoformat(at).date() for key, at in changed.items()}
    assert any("prompt_language" in where for _, where in since)
    assert any("prompt_words" in where for _, where in since)
    assert not any("prompt_length" in where for _, where in since)
    assert all(abs((at - onset).days) <= 2 for at in since.values())
    kept = b"".join(path.read_bytes() for path in home.rglob("*.parquet"))
    assert b"mortgage" not in kept
    assert b"helpdesk" in kept


def test_a_log_without_prompts_teaches_nothing(home):
    words = ["watch", "learn", "another", "--release", RELEASE, "--home", str(home), "--out", str(home / "no.json")]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 2
    assert "0 prompts" in said.output
    assert not (home / "no.json").exists()


def test_the_shape_of_few_words_tells_none_of_them():
    shape = dict(shape_of("My password is hunter2", "prompt"))
    assert shape == {"prompt_length": 22, "prompt_language": "en"}
    many = " ".join(["please", "tell", "me", "why", "the", "account", "is", "blocked"][:FEWEST_WORDS])
    told = dict(shape_of(many, "prompt"))
    assert set(names_of("prompt")) <= set(told)
    assert all(-1 <= told[name] <= 1 for name in names_of("prompt"))
    assert dict(shape_of(" ".join(reversed(many.split())), "prompt")) == told, "the order of words is nowhere"
    assert shape_of("", "prompt")[:2] == (("prompt_length", 0), ("prompt_language", "unknown"))
