"""A certificate that is renewed while a gateway serves counts for the next connection; a wrong one changes nothing."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time

import pytest
import uvicorn

from holdfast.domain.errors import FixInput
from holdfast.gateway.run import _config, _take_certificate
from holdfast.gateway.setup.document import ListenSection


def issue(folder):
    """A certificate and its key; the certificate as it is shown."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    files = ["-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
    subprocess.run(["openssl", *words.split(), *files], check=True, capture_output=True)
    return ssl.PEM_cert_to_DER_cert((folder / "tls.crt").read_text())


def test_a_renewed_certificate_counts_and_one_that_is_none_changes_nothing(tmp_path):
    first = issue(tmp_path)

    async def app(scope, receive, send):
        raise NotImplementedError(scope["path"])

    config = _config(ListenSection(certificate="tls.crt", key="tls.key"), app, tmp_path)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()
    while not server.started:
        time.sleep(0.01)

    def shown():
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with trusting.wrap_socket(socket.create_connection(listening.getsockname())) as connection:
            return connection.getpeercert(binary_form=True)

    assert shown() == first
    second = issue(tmp_path)
    assert shown() == first
    _take_certificate(config.ssl, config)
    assert shown() == second
    key = (tmp_path / "tls.key").read_text()
    issue(tmp_path)
    (tmp_path / "tls.key").write_text(key)
    with pytest.raises(FixInput, match="certificate cannot be used"):
        _take_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), config)
    assert shown() == second
    server.should_exit = True
