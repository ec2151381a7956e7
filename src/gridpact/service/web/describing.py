"""How the API is described: its parameters, and every answer that a handler may give."""

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from litestar.types import Guard

from gridpact.exchange.values import LARGEST
from gridpact.service.web import tariffs

Start = Annotated[
    int, PathParameter(ge=0, le=LARGEST, description="Start of the interval, milliseconds since 1970 UTC.")
]
Member = Annotated[str, PathParameter(min_length=1, max_length=64, description="Id of the member.")]
Kind = Annotated[tariffs.TariffKind, PathParameter(description="Whose price.")]
Millis = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Milliseconds since 1970 UTC.")]
Position = Annotated[int, PathParameter(ge=0, le=LARGEST, description="Position in the ledger, from 0.")]
Size = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Number of entries.")]
Count = Annotated[int, QueryParameter(ge=0, le=LARGEST, description="Number, from 0.")]


class Problem(msgspec.Struct, frozen=True):
    """Why there is no other answer: the status, and what is wrong in plain words."""

    status: int
    detail: str


REFUSALS = {
    400: "The request makes no sense, or was sent to another name of the service.",
    401: "A token is needed, or the one that was sent is not known.",
    403: "Not for this role, or another member's.",
    404: "There is no such thing, or not any more.",
    429: "Too many requests within a minute.",
    503: "Too many listen, or the pages still read their history after a start.",
}


def reading(
    path: str, summary: str, *guards: Guard, may_fail: tuple[int, ...] = ()
) -> Callable[[Any], HTTPRouteHandler]:
    """A handler that answers with JSON, described with all that it may answer."""
    statuses = {400, 401, 429, 503, *may_fail, *([403] if guards else [])}
    refusals = {
        status: ResponseSpec(Problem, description=REFUSALS[status], generate_examples=False)
        for status in sorted(statuses)
    }
    return get(path, summary=summary, guards=list(guards), responses=refusals)
