"""A first manifest from a chat's address."""

from __future__ import annotations

import pytest

from holdfast.documents import parse_document
from holdfast.domain.errors import Unavailable
from holdfast.flows.init_chat import GivenChat, draft_chat_manifest
from holdfast.manifest import Manifest
from holdfast.testing.bank import PROMPT, strong_model, tools_document
from holdfast.testing.upstream_server import serving_upstream


@pytest.mark.parametrize(("below", "dialect"), [("/v1", "openai"), ("", "anthropic")])
def test_it_finds_out_the_dialect_and_says_what_is_missing(tmp_path, below, dialect):
    (tmp_path / "prompt.txt").write_text(PROMPT)
    (tmp_path / "tools.json").write_text(tools_document())
    with serving_upstream(strong_model()) as url:
        given = GivenChat(url + below, "bank-1", system_prompt="prompt.txt", tools="tools.json", name="bank")
        draft = draft_chat_manifest(given, tmp_path)
    manifest = parse_document(draft.text, Manifest, "holdfast.yaml")
    assert (manifest.model.chat.dialect, manifest.model.chat.tools, manifest.data) == (dialect, "tools.json", None)
    assert any("get_balance, transfer_money" in guess for guess in draft.guesses)


def test_nothing_at_the_address(tmp_path, monkeypatch):
    monkeypatch.setattr("holdfast.targets.patience.ATTEMPTS", 1)
    with pytest.raises(Unavailable, match="Nothing answers"):
        draft_chat_manifest(GivenChat("http://127.0.0.1:9/v1"), tmp_path)
