"""Who asks a gateway over real TLS: certificates of an authority, signed tokens, keys that end; no secret stays."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tests.trips.gateways import SECRET, TOKEN, Gateway, Model, Plane, key_for, question, started
from tests.trips.test_gateway_under_faults import sent, told

from holdfast.domain.credential import Credential, Route, Way

pytestmark = pytest.mark.one_database

ISSUER = "https://id.bank"
SIGNER = ECKey.generate_key("P-256", {"kid": "1"})
SPIFFE = "spiffe://bank/scoring"
CASES = {"good": 1, "expired": -1, "revoked": 1, "unknown": 1}


class Authority:
    """A certificate authority that issues certificates for names."""

    def __init__(self, folder, name: str):
        self.folder, self.name = folder, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        constraints = (x509.BasicConstraints(ca=True, path_length=0), True)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        own = self._made(self.name, self.key.public_key(), 30, constraints, (usage, True))
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, days: int, *alternatives: x509.GeneralName):
        """The files of a certificate that ends in so many days, and of its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._made(subject, key.public_key(), days, (x509.SubjectAlternativeName(alternatives), False))
        files = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        files[1].write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
        return files

    def _made(self, subject, public, days: int, *extensions):
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(self.name, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(days=10)).not_valid_after(now + timedelta(days=days))
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        every = (*extensions, (identifier, False), (x509.SubjectKeyIdentifier.from_public_key(public), False))
        for extension, is_critical in every:
            builder = builder.add_extension(extension, is_critical)
        return builder.sign(self.key, hashes.SHA256())


def by_token(subject: str) -> Credential:
    match, until = f"{ISSUER}|{subject}", "2099-01-01T00:00:00Z"
    return Credential(f"t-{subject}", subject, Way.TOKEN, match, ("loans",), (Route.PREDICT,), until)


def token(key=SIGNER, **claims) -> str:
    about = {"iss": ISSUER, "aud": "holdfast", "sub": "batch", "exp": int(time.time()) + 60} | claims
    return jwt.encode({"alg": "ES256", "kid": "1"}, about, key)


def by_certificate(name: str, **more) -> Credential:
    return Credential(f"c-{name}", name, Way.CERTIFICATE, f"{SPIFFE}-{name}", ("loans",), (Route.PREDICT,), **more)


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """A gateway with a certificate, which asks its clients for theirs, and an authority that issued all of them."""
    folder = tmp_path_factory.mktemp("identity")
    authority, other = Authority(folder, "authority"), Authority(folder, "other")
    authority.issue("server", 5, x509.DNSName("localhost"))
    shown = {
        name: authority.issue(name, days, x509.UniformResourceIdentifier(f"{SPIFFE}-{name}"))
        for name, days in CASES.items()
    }
    shown["forged"] = other.issue("forged", 1, x509.UniformResourceIdentifier(f"{SPIFFE}-good"))
    known = tuple(by_certificate(name, expires_at="2099-01-01T00:00:00Z") for name in ("good", "expired", "revoked"))
    keys = (key_for(SECRET, "loans"), key_for("short-lived", "loans", id="c-2"), key_for("gone", "loans", id="c-3"))
    with ExitStack() as stack:
        model = stack.enter_context(Model())
        plane = stack.enter_context(Plane("loans", credentials=(*known, *keys, by_token("batch"))))
        (folder / "issuer.json").write_text(json.dumps(KeySet([SIGNER]).as_dict(private=False)))
        issuer = f'issuers: [{{name: "{ISSUER}", audience: holdfast, keys: ../issuer.json}}]\n'
        gateway = Gateway(folder / "gateway", plane, {"loans": model.url}, more=issuer)
        tls = f"port: {gateway.port}, certificate: ../server.pem, key: ../server.key, clients: ../authority.pem"
        document = folder / "gateway/gateway.yaml"
        document.write_text(document.read_text().replace(f"port: {gateway.port}", tls))
        gateway.ask = lambda *words, **more: asked(gateway, authority, *words, **more)
        yield stack.enter_context(started(gateway)), plane, shown


def asked(gateway, authority, method, path, body=b"", *, secret="", shown=None, **_):
    context = ssl.create_default_context(cafile=authority.file)
    if shown:
        context.load_cert_chain(*shown)
    client = http.client.HTTPSConnection("localhost", gateway.port, context=context, timeout=10)
    try:
        client.request(method, path, body, {"authorization": f"Bearer {secret}"} if secret else {})
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        client.close()


def until(gateway, status: int, **who) -> bytes:
    """What is said, once the gateway says this: within the promised two seconds, and one for a loaded machine."""
    deadline = time.monotonic() + 3.0
    while (answer := gateway.infer("loans", **who))[0] != status and time.monotonic() < deadline:
        time.sleep(0.05)
    assert answer[0] == status, answer[2]
    return answer[2]


def test_a_certificate_counts_while_it_and_its_credential_do(stage):
    gateway, plane, shown = stage
    assert gateway.infer("loans", shown=shown["good"])[0] == 200
    assert gateway.infer("loans", shown=shown["revoked"])[0] == 200
    for name in ("expired", "forged"):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            gateway.infer("loans", shown=shown[name])
    assert json.loads(until(gateway, 401, shown=shown["unknown"]))["code"] == "gateway.nobody"
    assert json.loads(until(gateway, 401))["code"] == "gateway.nobody"
    assert gateway.infer("loans", secret=SECRET)[0] == 200
    assert gateway.infer("loans", secret=SECRET, shown=shown["unknown"])[0] == 200

    left = tuple(one for one in plane.clearance.credentials if one.name != "revoked")
    plane.publish(credentials=left)
    until(gateway, 401, shown=shown["revoked"])
    ended = by_certificate("good", expires_at="2020-01-01T00:00:00Z")
    plane.publish(credentials=tuple(ended if one.name == "good" else one for one in left))
    assert json.loads(until(gateway, 401, shown=shown["good"]))["code"] == "gateway.unknown"
    plane.publish(credentials=left)
    until(gateway, 200, shown=shown["good"])


def test_a_signed_token_counts_while_it_and_its_credential_do(stage):
    gateway, plane, _ = stage
    assert gateway.infer("loans", secret=token())[0] == 200
    stranger = ECKey.generate_key("P-256", {"kid": "1"})
    unsigned = token().rpartition(".")[0] + "."
    late, other = int(time.time()) - 60, "https://elsewhere"
    forged = [token(stranger), unsigned, token(exp=late), token(aud="other"), token(iss=other), token(sub="nobody")]
    assert [told(gateway.infer("loans", secret=one)) for one in forged] == [(401, "gateway.unknown")] * len(forged)
    kept = plane.clearance.credentials
    shown = token()
    plane.publish(credentials=tuple(one for one in kept if one.way is not Way.TOKEN))
    until(gateway, 401, secret=shown)
    plane.publish(credentials=kept)
    until(gateway, 200, secret=shown)


def test_keys_end_at_their_time_and_when_they_are_revoked_and_are_kept_nowhere(stage):
    gateway, plane, _ = stage
    replies = [gateway.infer("loans", secret=secret) for secret in ("short-lived", "gone", SECRET)]
    assert [status for status, _, _ in replies] == [200, 200, 200]
    end = (datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    kept = tuple(one for one in plane.clearance.credentials if one.id not in ("c-2", "c-3"))
    plane.publish(credentials=(*kept, key_for("short-lived", "loans", id="c-2", until=end)))
    until(gateway, 401, secret="gone")
    time.sleep(1.5)
    until(gateway, 401, secret="short-lived")

    odd = [
        gateway.ask("POST", "/nowhere", question(), secret=SECRET),
        gateway.ask("POST", "/v2/models/loans/infer", b"{" + SECRET.encode(), secret=SECRET),
        gateway.ask("POST", f"/v2/models/{SECRET}/infer", question(), secret=SECRET),
        gateway.infer("loans", secret=SECRET + "x"),
    ]
    with suppress(OSError):
        odd.append((0, {}, sent(gateway, b"GET / HTTP/1.1\r\nx-api-key: " + SECRET.encode() + b"\r\n\r\n")))
    assert gateway.stop() == 0
    private = (gateway.folder.parent / "server.key").read_bytes().splitlines()[1]
    files = [path for path in gateway.folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".parquet" for path in files)
    everything = [path.read_bytes() for path in files] + [body for _, _, body in [*replies, *odd]]
    everything += [str(headers).encode() for _, headers, _ in [*replies, *odd]]
    for secret in (SECRET.encode(), b"short-lived", TOKEN.encode(), private):
        assert not [text[:200] for text in everything if secret in text]
    gateway.start()


@pytest.mark.parametrize(
    ("listen", "code"),
    [
        ("certificate: nowhere.pem, key: nowhere.key", "gateway.tls"),
        ("certificate: gateway.yaml, key: gateway.yaml", "gateway.tls"),
        ("host: 192.0.2.1", "gateway.listen"),
    ],
)
def test_what_cannot_be_listened_with_is_named_and_no_breach(stage, tmp_path, listen, code):
    _, plane, _ = stage
    other = Gateway(tmp_path, plane, {"loans": "http://127.0.0.1:1"})
    document = tmp_path / "gateway.yaml"
    document.write_text(document.read_text().replace(f"port: {other.port}", f"port: {other.port}, {listen}"))
    assert other.begin().process.wait(60) == 2
    said = other.errors.read_text()
    assert said.startswith("error: ")
    assert {"gateway.tls": "certificate", "gateway.listen": "listen"}[code] in said
    assert "Traceback" not in said
