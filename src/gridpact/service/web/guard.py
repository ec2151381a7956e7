"""At the door: who asks, how often, and the headers under which everything leaves."""

from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import MutableScopeHeaders
from litestar.exceptions import ClientException, NotAuthorizedException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp, Guard, Message, Receive, Scope, Send

from gridpact.service.web.access import COOKIE, VISITOR, Role, Tokens, Viewer

HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
NO_STORE = "no-store"
NOT_KNOWN = "not known"
"""How somebody has authenticated who shows a token that is nobody's."""


async def add_headers(message: Message, scope: Scope) -> None:
    """Put the headers on every answer, that of an error too; nothing but style, script and picture is kept by a browser."""
    if message["type"] == "http.response.start":
        headers = MutableScopeHeaders.from_message(message)
        for name, value in HEADERS.items():
            headers[name] = value
        if not scope["path"].startswith("/static/"):
            headers["cache-control"] = NO_STORE


class Authentication(AbstractAuthenticationMiddleware):
    """Finds out who asks, and under which name of the service: a bearer token, or the cookie of one who has signed in."""

    async def authenticate_request(self, connection: ASGIConnection[Any, Any, Any, Any]) -> AuthenticationResult:
        """A visitor is one who shows no token; a cookie that is not known any more makes a visitor too.

        A token that is nobody's is refused by `refuse_unknown`, once it has been counted.
        """
        if (connection.base_url.hostname or "") not in connection.app.state.hosts:
            raise ClientException("not a name of this service")
        site = connection.app.state.site
        tokens: Tokens = site.tokens if site else Tokens()
        kind, _, token = connection.headers.get("authorization", "").partition(" ")
        if kind:
            viewer = tokens.viewer(token.strip()) if kind.lower() == "bearer" else None
            return AuthenticationResult(VISITOR, NOT_KNOWN) if viewer is None else AuthenticationResult(viewer, "token")
        known = tokens.viewer(connection.cookies.get(COOKIE, ""))
        return AuthenticationResult(known or VISITOR, "cookie" if known else None)


def refuse_unknown(app: ASGIApp) -> ASGIApp:
    """Refuse a token that is nobody's: behind the limit, so that guesses count."""

    async def middleware(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("auth") == NOT_KNOWN:
            raise NotAuthorizedException("the token is not known", headers={"www-authenticate": "Bearer"})
        await app(scope, receive, send)

    return middleware


def whose_turn(request: Request[Any, Any, Any]) -> str:
    """By whom requests are counted: by name if the token is known, else by address, so that guesses count together."""
    viewer: Viewer = request.scope.get("user") or VISITOR
    if viewer.name:
        return f"{viewer.role} {viewer.name}"
    return f"address {request.client.host if request.client else ''}"


def only(*roles: Role) -> Guard:
    """Lets through who has one of the roles."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        role = connection.user.role
        if role is Role.VISITOR:
            raise NotAuthorizedException("a token is needed", headers={"www-authenticate": "Bearer"})
        if role not in roles:
            raise PermissionDeniedException(f"not for the role {role}")

    return guard


def only_itself(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Lets a member through to what is its own."""
    only(Role.MEMBER)(connection, handler)
    if connection.path_params["member"] != connection.user.member:
        raise PermissionDeniedException("another member's")
