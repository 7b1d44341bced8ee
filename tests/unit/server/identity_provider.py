"""A real OpenID Connect provider for tests: Authlib's server on Flask, on a port of its own."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin as CodeMixin
from authlib.oauth2.rfc6749 import ClientMixin, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode, UserInfo
from flask import Flask, jsonify, request
from joserfc.jwk import KeySet, RSAKey
from werkzeug.serving import make_server

os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback, without TLS


class Client(ClientMixin):
    client_id, client_secret = "holdfast", "s3cret"

    def __init__(self, callback: str) -> None:
        self.callback = callback

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return self.callback

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.callback

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.client_secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


class Code(AuthorizationCodeMixin, CodeMixin):
    def __init__(self, code: str, asked: Any, user: dict[str, Any]) -> None:
        self.code, self.user = code, user
        self.redirect_uri, self.scope = asked.payload.redirect_uri, asked.scope
        data = asked.payload.data
        self.nonce = data.get("nonce")
        self.code_challenge = data.get("code_challenge")
        self.code_challenge_method = data.get("code_challenge_method")

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str | None:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())

    def get_acr(self) -> None:
        return None

    def get_amr(self) -> None:
        return None


class IdentityProvider:
    """`user` is who signs in there next: the claims of their ID token. `issuer` and `audience` can be falsified."""

    def __init__(self, callback: str) -> None:
        self.user: dict[str, Any] = {}
        self.key = RSAKey.generate_key(2048, parameters={"kid": "one", "use": "sig"})
        self.shown_key = self.key
        self.issuer_in_tokens = ""
        self.client = Client(callback)
        self.codes: dict[str, Code] = {}
        self.app = Flask("identity-provider")
        self.server = make_server("127.0.0.1", 0, self.app)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self._set_up()

    def _set_up(self) -> None:
        oauth = AuthorizationServer(
            self.app, query_client=lambda id: self.client if id == "holdfast" else None, save_token=lambda *_: None
        )
        oauth.register_grant(_grant(self), [_open_id(self), CodeChallenge(required=True)])
        about = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        self.app.add_url_rule("/.well-known/openid-configuration", "about", lambda: jsonify(about))
        self.app.add_url_rule("/keys", "keys", lambda: jsonify(KeySet([self.shown_key]).as_dict(private=False)))
        self.app.add_url_rule("/token", "token", oauth.create_token_response, methods=["POST"])

        def authorize() -> Any:
            grant = oauth.get_consent_grant(end_user=self.user)
            return oauth.create_authorization_response(request, grant_user=self.user, grant=grant)

        self.app.add_url_rule("/authorize", "authorize", authorize)

    def with_state(self, **query: str) -> str:
        return f"{self.client.callback}?{urlencode(query)}"


def _grant(provider: IdentityProvider) -> type:
    class Grant(grants.AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic"]

        def save_authorization_code(self, code: str, request: Any) -> None:
            provider.codes[code] = Code(code, request, dict(provider.user))

        def query_authorization_code(self, code: str, client: Any) -> Code | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: Code) -> None:
            del provider.codes[authorization_code.code]

        def authenticate_user(self, authorization_code: Code) -> dict[str, Any]:
            return authorization_code.user

    return Grant


def _open_id(provider: IdentityProvider) -> OpenIDCode:
    class OpenID(OpenIDCode):
        def exists_nonce(self, nonce: str, request: Any) -> bool:
            return False

        def resolve_client_private_key(self, client: Any) -> Any:
            return provider.key

        def get_client_claims(self, client: Any) -> dict[str, Any]:
            return {"iss": provider.issuer_in_tokens or provider.issuer}

        def generate_user_info(self, user: dict[str, Any], scope: str) -> UserInfo:
            return UserInfo(user)

    return OpenID(require_nonce=True)


@contextmanager
def identity_provider(callback: str) -> Iterator[IdentityProvider]:
    """A provider that answers until the block ends."""
    provider = IdentityProvider(callback)
    thread = threading.Thread(target=provider.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.server.shutdown()
        thread.join()
