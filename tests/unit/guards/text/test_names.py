"""Names by a model: a real, tiny token classifier in ONNX, and a function of one's own."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from holdfast.domain.errors import FixInput, RefusedArtifact
from holdfast.guards.passages import Passage, redact
from holdfast.guards.text._names import OVERLAP, WORDS, TokenClassifier
from holdfast.guards.text._shapes import Found
from holdfast.guards.text.personal_data import run

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "B-ORG"]
VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "clara",
    "vo",
    "##gt",
    "ulm",
    "the",
    "works",
    "in",
    "for",
    "acme",
    ".",
]
CLASSES = {"clara": 1, "vo": 2, "ulm": 3, "acme": 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that looks each token's class up in a table."""
    made = tmp_path_factory.mktemp("names")
    table = np.full((len(VOCABULARY), len(LABELS)), -2.0, np.float32)
    for number, word in enumerate(VOCABULARY):
        table[number, CLASSES.get(word, 0)] = 3.0
    node = helper.make_node("Gather", ["table", "input_ids"], ["logits"], axis=0)
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "length"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "length", len(LABELS)])
    graph = helper.make_graph([node], "names", [ids], [logits], [numpy_helper.from_array(table, "table")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, made / "model.onnx")
    (made / "vocab.txt").write_text("\n".join(VOCABULARY))
    (made / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}))
    return made


def found(folder, text):
    return [(one.kind, text[one.start : one.end]) for one in TokenClassifier(folder)(text)]


def test_names_of_several_words_and_pieces(folder):
    text = "Clara Vogt works in Ulm, for ACME."
    assert found(folder, text) == [("person", "Clara Vogt"), ("place", "Ulm"), ("organisation", "ACME")]


@pytest.mark.parametrize("n", [0, 1, WORDS - 1, WORDS, WORDS + 1, 3 * WORDS + OVERLAP])
def test_every_word_of_a_long_text_is_read_once(folder, n):
    text = "the works " * (n // 2) + "Clara " + "in " * n + "Ulm"
    assert found(folder, text) == [("person", "Clara"), ("place", "Ulm")]
    assert len(found(folder, "Clara, " * n)) == n


def test_words_of_many_pieces_are_read_too(folder):
    text = "vo" + "gt" * 49 + " " + ("vogtgtgtgtgtgtgtgtgtgtgtgtgtgtgtgtgtgtgtgt " * 100) + "Ulm"
    assert found(folder, text)[-1] == ("place", "Ulm")


def test_a_policy_names_the_model_and_the_kinds(folder):
    text = "Clara Vogt (clara@example.com) works in Ulm."
    params = run.with_params({"names": str(folder), "kinds": ("email", "person")})
    seen = run.prepare(params).read(Passage("user", text))
    assert redact(text, seen.spans) == "[PERSON] ([EMAIL]) works in Ulm."
    plain = run.prepare(run.params).read(Passage("user", text))
    assert redact(text, plain.spans) == "Clara Vogt ([EMAIL]) works in Ulm."


def test_a_model_without_a_kind_that_it_finds_is_a_mistake(folder):
    with pytest.raises(FixInput, match="No kind"):
        run.prepare(run.with_params({"names": str(folder)}))


def test_a_function_of_ones_own():
    def names(text):
        at = text.find("Vogt")
        return [Found(at, at + 4, "person", 0.9)] if at >= 0 else []

    reading = run.prepare(run.with_params({"kinds": ("person",)}), names=names)
    assert redact("Ask Vogt.", reading.read(Passage("user", "Ask Vogt.")).spans) == "Ask [PERSON]."


@pytest.mark.parametrize("broken", ["model.onnx", "vocab.txt", "config.json"])
def test_what_is_no_model_is_said_so(folder, tmp_path, broken):
    for name in ("model.onnx", "vocab.txt", "config.json"):
        if name != broken:
            (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(FixInput) as missing:
        TokenClassifier(tmp_path)
    (tmp_path / broken).write_bytes(b"\xff\xfenothing")
    with pytest.raises(RefusedArtifact if broken == "model.onnx" else FixInput):
        TokenClassifier(tmp_path)
    assert missing.value.code == ("guard.onnx" if broken == "model.onnx" else "guard.names")
