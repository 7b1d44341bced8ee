"""Files that got past other scanners, or were built to: none may be allowed, and none may be loaded.

Payloads are inert: they would name the working directory, or leave a marker file. The first group is what the list and
the walker were built against; the second was written afterwards, without changing them.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from holdfast.artifacts.report import Verdict
from holdfast.artifacts.scan import scan_file, scan_paths
from holdfast.artifacts.unpickler import load_pickle
from holdfast.domain.errors import FixInput, RefusedArtifact

Build = Callable[[Path], Path]


def text(value: str) -> bytes:
    """SHORT_BINUNICODE."""
    return b"\x8c" + bytes([len(value.encode())]) + value.encode()


def imports(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def call(module: str, name: str, *arguments: bytes) -> bytes:
    """REDUCE."""
    return imports(module, name) + b"(" + b"".join(arguments) + b"tR"


def stream(body: bytes, protocol: int = 4) -> bytes:
    """A pickle around opcodes."""
    return b"\x80" + bytes([protocol]) + body + b"."


GETCWD = call("posix", "getcwd")
EVIL = stream(GETCWD)


def raw(body: bytes, name: str = "model.pkl") -> Build:
    def build(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(body)
        return path

    return build


def zip_bytes(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for member, body in members.items():
            archive.writestr(member, body)
    return held.getvalue()


def zipped(members: dict[str, bytes], name: str, spoil: Callable[[bytes], bytes] = bytes) -> Build:
    return raw(spoil(zip_bytes(members)), name)


def npy(body: bytes) -> bytes:
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body


def tarred(body: bytes, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        member = tarfile.TarInfo("model.pkl")
        member.type, member.linkname, member.size = kind, link, len(body)
        archive.addfile(member, io.BytesIO(body))
    return held.getvalue()


def wrong_crc(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02") + 16
    return data[:14] + b"\1\2\3\4" + data[18:at] + b"\1\2\3\4" + data[at + 4 :]


def other_local_name(data: bytes) -> bytes:
    return data.replace(b"model.pkl", b"model.txt", 1)


def bytes_between(data: bytes) -> bytes:
    at = data.index(b"PK\3\4", 4)
    return data[:at] + EVIL + data[at:]


def local_flag(data: bytes) -> bytes:
    return data[:6] + b"\x01\x00" + data[8:]


def joblib_with_opcodes_as_array(body: bytes) -> bytes:
    """An array whose bytes joblib takes for numbers and pickle.load for opcodes (joblib before 1.2: no padding)."""
    dtype = (
        imports("numpy", "dtype")
        + text("u1")
        + b"\x89\x88\x87R(K\x03"
        + text("|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    state = (
        text("subclass") + imports("numpy", "ndarray")
        + text("shape") + b"K" + bytes([len(body)]) + b"\x85"
        + text("order") + text("C") + text("dtype") + dtype + text("allow_mmap") + b"\x88"
    )  # fmt: skip
    return b"\x80\x04" + imports("joblib.numpy_pickle", "NumpyArrayWrapper") + b")\x81}(" + state + b"ub" + body + b"."


def skops(*nodes: dict[str, object]) -> Build:
    schema = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode", "content": list(nodes)}
    return zipped({"schema.json": json.dumps(schema).encode()}, "model.skops")


OBJECT = imports("builtins", "object")
SCALER = imports("sklearn.preprocessing._data", "StandardScaler") + b")\x81"
RV = (
    imports("scipy.stats._continuous_distns", "norm_gen")
    + b")\x81}("
    + text("_parse_arg_template")
    + text("1/0")
    + b"ub"
)

KNOWN: dict[str, Build] = {
    "CVE-2025-10155 pickle named as a torch file": raw(EVIL, "model.bin"),
    "CVE-2025-10156 zip with a wrong CRC": zipped({"model.pkl": pickle.dumps([1])}, "model.zip", wrong_crc),
    "CVE-2025-10157 submodule of a listed danger": raw(stream(call("asyncio.unix_events", "_UnixSubprocessTransport"))),
    "CVE-2025-1716 pip.main": raw(stream(call("pip", "main", b"]"))),
    "CVE-2025-1889 hidden extension": zipped({"data.pkl": pickle.dumps([1]), "config.p": EVIL}, "model.pt"),
    "CVE-2025-1944 zip names disagree": zipped({"model.pkl": pickle.dumps([1])}, "model.zip", other_local_name),
    "CVE-2025-1945 zip flags disagree": zipped({"model.pkl": pickle.dumps([1])}, "model.zip", local_flag),
    "GHSA-vvpj-8cmc-gx39 pkgutil.resolve_name": raw(stream(call("pkgutil", "resolve_name", text("os:getcwd")))),
    "GHSA-m273-6v24-x4m4 operator.attrgetter": raw(stream(call("operator", "attrgetter", text("system")))),
    "GHSA-955r-x9j8-7rhh operator.methodcaller": raw(stream(call("_operator", "methodcaller", text("getcwd")))),
    "GHSA-xp4f-hrf8-rxw7 ensurepip._run_pip": raw(stream(call("ensurepip", "_run_pip", b"]"))),
    "GHSA-mxhj-88fx-4pcv OBJ": raw(stream(b"(" + imports("posix", "getcwd") + b"o")),
    "INST": raw(b"(iposix\ngetcwd\n."),
    "GHSA-6ggj-6f2q-f7mx _interpreters": raw(stream(call("_interpreters", "run_string", b"K\x00", text("1")))),
    "joblib zlib": raw(zlib.compress(EVIL), "model.joblib"),
    "joblib gzip": raw(gzip.compress(EVIL), "model.joblib"),
    "joblib bz2": raw(bz2.compress(EVIL), "model.joblib"),
    "joblib xz": raw(lzma.compress(EVIL), "model.joblib"),
    "joblib lzma": raw(lzma.compress(EVIL, lzma.FORMAT_ALONE), "model.joblib"),
    "copyreg extension": raw(stream(b"\x82\x01)R")),
    "copyreg extension, four bytes": raw(stream(b"\x84\x01\x00\x00\x00)R")),
    "BUILD on a class": raw(stream(imports("sklearn.base", "BaseEstimator") + b"N}" + text("x") + b"K\x01s\x86b")),
    "BUILD sets __setstate__, BUILD calls it": raw(
        stream(SCALER + b"\x94}" + text("__setstate__") + imports("numpy", "mean") + b"sb0h\x00K\x01b")
    ),
    "BUILD twice in place": raw(stream(SCALER + b"}b}b")),
    "BUILD sets slots": raw(stream(SCALER + b"N}" + text("__class__") + imports("builtins", "dict") + b"s\x86b")),
    "APPEND calls an attribute": raw(stream(SCALER + b"}" + text("append") + imports("numpy", "mean") + b"sbK\x01a")),
    "marshal": raw(stream(call("marshal", "loads", b"C\x01N"))),
    "types.FunctionType": raw(stream(call("types", "FunctionType", b"N", b"}"))),
    "code.InteractiveInterpreter": raw(stream(call("code", "InteractiveInterpreter"))),
    "nested stream": raw(stream(call("_pickle", "loads", b"C" + bytes([len(EVIL)]) + EVIL))),
    "trailing stream": raw(pickle.dumps([1]) + EVIL),
    "trailing byte": raw(pickle.dumps([1]) + b"\0"),
    "7z": raw(b"7z\xbc\xaf\x27\x1c" + EVIL, "model.7z"),
    "cut short after the call": raw(b"\x80\x04" + GETCWD + b"\x8c\xff"),
    "invalid opcode after the call": raw(b"\x80\x04" + GETCWD + b"\xff"),
    "STACK_GLOBAL through the memo": raw(stream(text("posix") + b"\x94" + text("getcwd") + b"\x9400h\x00h\x01\x93)R")),
    "STACK_GLOBAL of computed names": raw(stream(call("builtins", "str", text("posix")) + text("getcwd") + b"\x93)R")),
    "STACK_GLOBAL of byte strings": raw(stream(b"U\x05posixU\x06getcwd\x93)R")),
    "Keras configuration (CVE-2025-1550, -8747, -9905, -9906)": zipped(
        {"config.json": b'{"module": "os", "class_name": "function"}', "metadata.json": b"{}"}, "model.keras"
    ),
    "Keras HDF5": raw(b"\x89HDF\r\n\x1a\n" + bytes(64), "model.h5"),
    "CVE-2025-54412 skops OperatorFuncNode": skops(
        {"__class__": "methodcaller", "__module__": "operator", "__loader__": "OperatorFuncNode", "attrs": []}
    ),
    "CVE-2025-54413 skops MethodNode": skops(
        {"__class__": "StandardScaler", "__module__": "sklearn.preprocessing._data", "__loader__": "MethodNode"}
    ),
    "skops unlisted type": skops({"__class__": "Popen", "__module__": "subprocess", "__loader__": "ObjectNode"}),
    "CVE-2025-32434 torch, legacy tar": raw(tarred(EVIL), "model.pt"),
    "CVE-2026-24747 torch zip, persistent ids": zipped({"a/data.pkl": stream(b"K\x01Q"), "a/version": b"3"}, "m.pt"),
    "CVE-2024-34359, CVE-2026-5760 GGUF template": raw(b"GGUF\x03\0\0\0{{ ''.__class__ }}", "model.gguf"),
    "numpy object array": raw(npy(EVIL), "x.npy"),
    "numpy archive": zipped({"x.npy": npy(EVIL)}, "x.npz"),
    "joblib array that is opcodes to pickle.load": raw(joblib_with_opcodes_as_array(GETCWD), "m.joblib"),
    "text pickle named as data": raw(b"cposix\ngetcwd\n(tR.", "data.csv"),
    "getattr": raw(stream(call("builtins", "getattr", SCALER, text("fit")))),
    "partial of anything": raw(stream(call("functools", "partial", imports("posix", "getcwd")))),
    "partial, then another function": raw(
        stream(
            call("functools", "partial", imports("sklearn.utils.validation", "check_array"))
            + b"(" + imports("numpy", "mean") + b")}NtbN0"
        )
    ),
    "numpy.load": raw(stream(call("numpy", "load", text("x.npy")))),
    "joblib.load": raw(stream(call("joblib.numpy_pickle", "load", text("x")))),
    "scipy.stats runs its state": raw(stream(RV)),
    "a codec that imports": raw(stream(call("_codecs", "encode", text("x"), text("zlib_codec")))),
    "a generator's constructor calls": raw(
        stream(call("numpy.random._pickle", "__generator_ctor", text("x"), imports("builtins", "bytes")))
    ),
    "reconstruct an unlisted class": raw(
        stream(call("copyreg", "_reconstructor", imports("code", "InteractiveConsole"), OBJECT, b"N"))
    ),
    "reconstruct with an unlisted base": raw(
        stream(call("copyreg", "_reconstructor", SCALER[:-2], imports("sklearn.pipeline", "Pipeline"), b"N"))
    ),
    "shared dtype is changed": raw(stream(imports("numpy", "dtype") + text("f8") + b"\x89\x89\x87R(K\x03tb")),
    "an estimator is called": raw(stream(call("sklearn.linear_model._base", "LinearRegression"))),
    "frame ends inside an opcode": raw(b"\x80\x04\x95\x05\0\0\0\0\0\0\0" + GETCWD + b"."),
    "protocol changes midway": raw(stream(text("a") + b"0\x80\x02c__builtin__\neval\n")),
}  # fmt: skip

KEPT_BACK: dict[str, Build] = {
    "Python 2 name of eval": raw(stream(b"c__builtin__\neval\n(X\x01\0\0\x001tR", 2)),
    "Python 2 name of getoutput": raw(stream(b"ccommands\ngetoutput\n(X\x01\0\0\x001tR", 2)),
    "__import__": raw(stream(call("builtins", "__import__", text("this")))),
    "timeit": raw(stream(call("timeit", "timeit", text("pass")))),
    "cProfile.run": raw(stream(call("cProfile", "run", text("pass")))),
    "pdb.run": raw(stream(call("pdb", "run", text("pass")))),
    "ctypes": raw(stream(call("ctypes", "CDLL", b"N"))),
    "webbrowser": raw(stream(call("webbrowser", "open", text("about:blank")))),
    "logging.config": raw(stream(call("logging.config", "_resolve", text("os.getcwd")))),
    "numpy's runstring": raw(stream(call("numpy.testing._private.utils", "runstring", text("pass"), b"}"))),
    "numpy.f2py through dots": raw(stream(call("numpy", "f2py.os.getcwd"))),
    "attribute of a listed class through dots": raw(stream(call("numpy", "dtype.mro"))),
    "a listed module's own imports": raw(stream(call("sklearn.base", "warnings.sys.exit"))),
    "a listed module's unlisted function": raw(stream(call("sklearn.base", "is_classifier", b"N"))),
    "builtins of a listed module": raw(stream(imports("sklearn.tree._classes", "__builtins__"))),
    "pandas.eval": raw(stream(call("pandas", "eval", text("1")))),
    "pandas.read_pickle": raw(stream(call("pandas", "read_pickle", text("x")))),
    "joblib memory": raw(stream(imports("joblib.memory", "Memory") + b")\x81}b")),
    "sklearn fetches": raw(stream(call("sklearn.datasets._openml", "fetch_openml", text("x")))),
    "NEWOBJ_EX": raw(stream(imports("subprocess", "Popen") + b")}\x92")),
    "NEWOBJ_EX of a listed class": raw(stream(SCALER[:-2] + b")}" + text("a") + b"K\x01s\x92")),
    "NEWOBJ of an unlisted class": raw(stream(imports("subprocess", "Popen") + b")\x81")),
    "a call whose result is thrown away": raw(stream(GETCWD + b"0K\x01")),
    "a call thrown away with a group": raw(stream(b"(" + GETCWD + b"1K\x01")),
    "a call as a dictionary's key": raw(stream(b"}(" + GETCWD + b"K\x01u")),
    "a call in a set": raw(stream(b"\x8f(" + GETCWD + b"\x90")),
    "a call in an estimator's state": raw(stream(SCALER + b"}" + text("mean_") + GETCWD + b"sb")),
    "memo overwritten": raw(
        stream(text("numpy") + b"q\x000" + text("posix") + b"q\x000h\x00" + text("getcwd") + b"\x93)R")
    ),
    "DUP": raw(stream(text("posix") + b"2\x93)R")),
    "unlisted default factory": raw(stream(call("collections", "defaultdict", imports("posix", "getcwd")))),
    "unlisted function to transform with": raw(
        stream(imports("sklearn.preprocessing._function_transformer", "FunctionTransformer") + b")\x81}"
               + text("func") + imports("posix", "getcwd") + b"sb")
    ),
    "newObj of an unlisted class": raw(
        stream(call("sklearn.neighbors._kd_tree", "newObj", imports("code", "InteractiveConsole")))
    ),
    "pandas makes any class": raw(
        stream(call("pandas.core.indexes.base", "_new_Index", imports("sklearn.pipeline", "Pipeline"), b"}"))
    ),
    "uppercase module": raw(stream(call("OS", "getcwd"))),
    "module with a space": raw(stream(text("po six") + text("getcwd") + b"\x93)R")),
    "name with an escape": raw(b"Vpo\\u0073ix\nVgetcwd\n\x93(tR."),
    "name with an escape, named as data": raw(b"Vpo\\u0073ix\nVgetcwd\n\x93(tR.", "data.csv"),
    "gzip within gzip": raw(gzip.compress(gzip.compress(EVIL)), "m.gz"),
    "five layers of gzip": raw(gzip.compress(gzip.compress(gzip.compress(gzip.compress(gzip.compress(EVIL))))), "m.gz"),
    "gzip of two members": raw(gzip.compress(pickle.dumps([1])) + gzip.compress(EVIL), "m.gz"),
    "bytes behind zlib": raw(zlib.compress(pickle.dumps([1])) + EVIL, "m.z"),
    "xz of two streams": raw(lzma.compress(pickle.dumps([1])) + lzma.compress(EVIL), "m.xz"),
    "gzip cut short": raw(gzip.compress(EVIL * 50)[:-20], "m.gz"),
    "tar in gzip": raw(gzip.compress(tarred(EVIL)), "model.tar.gz"),
    "tar with a link": raw(tarred(b"", tarfile.SYMTYPE, "/etc/passwd"), "model.tar"),
    "tar whose first name is a pickle": raw(b"cposix\ngetcwd\n(tR." + tarred(b"x")[18:], "model.tar"),
    "zip in zip": zipped({"inner.zip": zip_bytes({"m.pkl": EVIL})}, "outer.zip"),
    "zip behind a pickle": raw(EVIL + zip_bytes({"a.txt": b"a"}), "m.zip"),
    "bytes between zip members": zipped({"a.txt": b"a", "b.txt": b"b"}, "m.zip", bytes_between),
    "zip path leads outside": zipped({"../../model.pkl": pickle.dumps([1])}, "m.zip"),
    "zip path on a drive": zipped({"C:\\model.pkl": pickle.dumps([1])}, "m.zip"),
    "yaml that makes objects": raw(b"a: !!python/object/apply:os.getcwd []\n", "model.yaml"),
    "notebook": raw(b'{"cells": []}', "train.ipynb"),
    "script without a suffix": raw(b"#!/bin/sh\ntrue\n", "run"),
    "unknown protocol": raw(b"\x80\x06" + GETCWD + b"."),
    "safetensors with a gap": raw(
        struct.pack("<Q", 54) + b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}} ' + bytes(9), "m.safetensors"
    ),
    "npy with a pickle behind": raw(npy(b"\1").replace(b"|O", b"b1") + EVIL, "x.npy"),
    "object array in joblib holds a call": raw(
        joblib_with_opcodes_as_array(EVIL).replace(text("u1") + b"\x89\x88", text("O8") + b"\x89\x88")
        .replace(b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb", b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"),
        "m.joblib",
    ),
    "empty name": raw(stream(call("posix", ""))),
    "listed name of another module": raw(stream(call("evil", "StandardScaler"))),
}  # fmt: skip


@pytest.mark.parametrize("build", (KNOWN | KEPT_BACK).values(), ids=(KNOWN | KEPT_BACK).keys())
def test_is_not_allowed(build: Build, tmp_path: Path) -> None:
    path = build(tmp_path)
    (report,) = scan_paths([path])
    assert report.verdict is not Verdict.ALLOW
    assert report.reasons
    with pytest.raises((RefusedArtifact, FixInput)):
        load_pickle(path)


def leaves_marker(marker: Path) -> dict[str, bytes]:
    """The same shapes with a payload that makes a folder."""
    path = str(marker)
    evil = stream(call("posix", "mkdir", text(path)))
    return {
        "INST": b"(V" + path.encode() + b"\niposix\nmkdir\n.",
        "OBJ": stream(b"(" + imports("posix", "mkdir") + text(path) + b"o"),
        "trailing stream": pickle.dumps([1]) + evil,
        "cut short": evil[:-1] + b"\x8c\xff",
        "memo": stream(text("posix") + b"\x94" + text("mkdir") + b"\x9400h\x00h\x01\x93" + text(path) + b"\x85R"),
        "nested": stream(call("_pickle", "loads", b"B" + struct.pack("<I", len(evil)) + evil)),
        "array bytes": joblib_with_opcodes_as_array(call("posix", "mkdir", text(path))),
    }


@pytest.mark.parametrize("name", leaves_marker(Path()).keys())
def test_payloads_are_real(name: str, tmp_path: Path) -> None:
    """CPython's own reader runs them, so the files are no straw men; the scan refuses them and runs nothing."""
    marker = tmp_path / "m"
    body = leaves_marker(marker)[name]
    assert scan_file(raw(body)(tmp_path)).verdict is Verdict.REFUSE
    assert not marker.exists()
    held = io.BytesIO(body)
    for _ in range(2):
        try:
            pickle.load(held)
        except (EOFError, pickle.UnpicklingError, AttributeError):
            break
    assert marker.exists()
