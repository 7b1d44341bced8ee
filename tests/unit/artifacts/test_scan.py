from __future__ import annotations

import gzip
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdfast.artifacts.report import FileReport, Verdict
from holdfast.artifacts.scan import scan_file, scan_paths


def scanned(folder: Path, data: bytes, name: str = "file") -> FileReport:
    path = folder / name
    path.write_bytes(data)
    return scan_file(path)


@pytest.mark.parametrize(
    ("name", "data", "format"),
    [
        ("data.csv", b"age,income\n1,2\n", "text"),
        ("count.csv", b"count\nten\n", "text"),
        ("Pandas.csv", b"Price,Rate\n2,3\n", "text"),
        ("data.json", b'{"a": [1]}', "text"),
        ("config.yaml", b"a: 1\n", "text"),
        ("README", b"A model.\n", "text"),
        ("data.parquet", b"PAR1" + bytes(20) + b"PAR1", "parquet"),
        ("data.arrow", b"ARROW1\0\0" + bytes(20), "arrow"),
        ("model.txt", b"tree\nversion=v4\nnum_class=1\n", "lightgbm"),
        ("model.json", b'{"learner":{"attributes":{}},"version":[3,0,0]}', "xgboost-json"),
        ("table.csv.gz", gzip.compress(b"a,b\n1,2\n", mtime=0), "text+gzip"),
        ("model.bin", pickle.dumps({"a": 1}), "pickle"),
    ],
)
def test_plain_files_are_allowed(name: str, data: bytes, format: str, tmp_path: Path) -> None:
    report = scanned(tmp_path, data, name)
    assert (report.verdict, report.format) == (Verdict.ALLOW, format), report.reasons


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("empty.pkl", b"", "file.empty"),
        ("model.cbm", b"CBM1" + bytes(50), "file.not-read"),
        ("model.lz4", b"\x04\x22\x4d\x18" + bytes(50), "file.not-read"),
        ("noise", bytes(range(1, 200)), "file.unknown"),
        ("train.py", b"import os\n", "source.not-scanned"),
        ("notes", b"some words\n", "text.unknown"),
        ("late.csv", b"a,b\n" * 2000 + b"\xff\xff", "text.encoding"),
        ("model.json", b'{"class_name": "Lambda"}', "keras.config"),
    ],
)
def test_what_nobody_can_tell_is_not_a_pass(name: str, data: bytes, rule: str, tmp_path: Path) -> None:
    report = scanned(tmp_path, data, name)
    assert report.verdict is Verdict.UNKNOWN
    assert [reason.rule for reason in report.reasons] == [rule]


def test_numpy_files(tmp_path: Path) -> None:
    for index, array in enumerate(
        [np.arange(6.0), np.array(["a"]), np.array([None, "a"], object), np.zeros(2, [("a", "f4", (2,)), ("b", "O")])]
    ):
        path = tmp_path / f"{index}.npy"
        np.save(path, array, allow_pickle=True)
        assert scan_file(path).reasons == ()
        data = path.read_bytes()
        assert scanned(tmp_path, data[:-1]).verdict is Verdict.REFUSE
        assert scanned(tmp_path, data + b"\0").verdict is Verdict.REFUSE
    np.savez_compressed(tmp_path / "all.npz", a=np.arange(3), b=np.array([None], object))
    assert scan_file(tmp_path / "all.npz").reasons == ()


def test_xgboost_binary(tmp_path: Path) -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(np.eye(4), [0, 1, 0, 1])
    for name, format in (("model.ubj", "xgboost-ubj"), ("model.json", "xgboost-json")):
        model.save_model(tmp_path / name)
        report = scan_file(tmp_path / name)
        assert (report.format, report.reasons) == (format, ())
    data = (tmp_path / "model.ubj").read_bytes()
    assert scanned(tmp_path, data[:-5]).verdict is Verdict.REFUSE
    assert scanned(tmp_path, data + b"x").verdict is Verdict.REFUSE


def test_skops_model(tmp_path: Path) -> None:
    io = pytest.importorskip("skops.io")
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

    X, y = np.random.default_rng(0).random((30, 2)), [0, 1] * 15
    for model in (
        make_pipeline(StandardScaler(), FunctionTransformer(np.abs), GradientBoostingClassifier(n_estimators=2)),
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), RandomForestClassifier(2)),
    ):
        io.dump(model.fit(X, y), tmp_path / "model.skops")
        assert scan_file(tmp_path / "model.skops").reasons == ()


def test_onnx_model(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    weights = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    node = helper.make_node("Add", ["x", "w"], ["y"])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    model = helper.make_model(helper.make_graph([node], "g", [value], [result], [weights]))
    onnx.save(model, tmp_path / "model.onnx")
    assert scan_file(tmp_path / "model.onnx").reasons == ()
    assert scan_file(tmp_path / "model.onnx").format == "onnx"

    node.domain = "evil.ops"
    custom = helper.make_model(helper.make_graph([node], "g", [value], [result], [weights]))
    assert scanned(tmp_path, custom.SerializeToString()).verdict is Verdict.UNKNOWN

    tensor = model.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    for location, verdict in (
        ("weights.bin", Verdict.ALLOW),
        ("../../etc/passwd", Verdict.REFUSE),
        ("/etc/passwd", Verdict.REFUSE),
        ("C:\\secret", Verdict.REFUSE),
        ("a\\..\\..\\b", Verdict.REFUSE),
    ):
        del tensor.external_data[:]
        tensor.external_data.add(key="location", value=location)
        assert scanned(tmp_path, model.SerializeToString()).verdict is verdict, location


def safetensors(header: object, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    ("data", "verdict"),
    [
        (safetensors({"a": {"data_offsets": [0, 4]}, "__metadata__": {}}, bytes(4)), Verdict.ALLOW),
        (safetensors({"a": {"data_offsets": [0, 4]}}, bytes(5)), Verdict.REFUSE),
        (safetensors({"a": {"data_offsets": [0, 4]}, "b": {"data_offsets": [2, 6]}}, bytes(6)), Verdict.REFUSE),
        (safetensors(b'{"a":{"data_offsets":[0,4]},"a":{"data_offsets":[0,4]}}', bytes(4)), Verdict.REFUSE),
        (safetensors(b"{broken", b""), Verdict.REFUSE),
    ],
)
def test_safetensors(data: bytes, verdict: Verdict, tmp_path: Path) -> None:
    assert scanned(tmp_path, data, "m.safetensors").verdict is verdict


def test_bombs_are_refused_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.joblib"
    size = 200 << 20
    path.write_bytes(zlib.compress(b"\x80\x04B" + struct.pack("<I", size) + bytes(size) + b".", 9))
    code = """
import sys
from pathlib import Path
from holdfast.artifacts import inflate
from holdfast.artifacts.scan import scan_file
inflate.HARMLESS = int(sys.argv[2])
print([r.rule for r in scan_file(Path(sys.argv[1])).reasons])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    for harmless, rules in ((1 << 26, "['compressed.bomb']"), (1 << 30, "[]")):
        command = [sys.executable, "-c", code, str(path), str(harmless)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found, kilobytes = done.stdout.splitlines()
        assert found == rules
        assert int(kilobytes) < 80_000


def test_folders_links_and_special_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "model.pkl").write_bytes(pickle.dumps(print))
    (tmp_path / "link.pkl").symlink_to(tmp_path / "sub" / "model.pkl")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "again").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "locked").write_bytes(b"x")
    (tmp_path / "bad\udcff").write_bytes(b"N.")
    verdicts = {report.name: report.verdict for report in scan_paths([tmp_path, tmp_path / "sub", tmp_path / "absent"])}
    assert verdicts["model.pkl"] is verdicts["link.pkl"] is Verdict.REFUSE
    for name in ("loop", "again", "pipe", "locked", "absent"):
        assert verdicts[name] is Verdict.UNKNOWN, name
    assert verdicts["bad\udcff"] is Verdict.ALLOW
    assert len(verdicts) == 8


def test_each_file_once_in_order(tmp_path: Path) -> None:
    for name in "bca":
        (tmp_path / name).write_bytes(b"N.")
    assert [report.name for report in scan_paths([tmp_path, tmp_path / "a"])] == ["a", "b", "c"]


def test_members_of_archives_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner/model.pkl", pickle.dumps(print))
        archive.writestr("inner/data.csv", "a,b\n")
    (reason,) = scan_file(tmp_path / "m.zip").reasons
    assert (reason.member, reason.name) == ("inner/model.pkl", "builtins.print")


def test_is_light_to_import() -> None:
    code = "import sys, holdfast.artifacts.scan; print({'numpy', 'joblib', 'sklearn', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


MAGIC = [
    b"PK\x03\x04",
    b"\x1f\x8b\x08\0",
    b"x\x9c",
    b"BZh9",
    b"\xfd7zXZ\0",
    b"\x93NUMPY\x01\0",
    b"\x08\x01:",
    b"{L",
    b"\x80\x04",
]


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_any_bytes_get_a_verdict(tmp_path: Path, magic: bytes, rest: bytes) -> None:
    scanned(tmp_path, magic + rest)
    assert scanned(tmp_path, magic + rest, "x.csv").verdict in Verdict


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=3))
def test_a_spoilt_archive_with_an_attack_is_never_allowed(tmp_path: Path, changes: list[tuple[float, int]]) -> None:
    path = tmp_path / "m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.pkl", pickle.dumps(print))
    data = bytearray(path.read_bytes())
    for place, byte in changes:
        data[int(place * (len(data) - 1))] = byte
    assert scanned(tmp_path, bytes(data)).verdict is not Verdict.ALLOW
