"""REST against its own description, by Schemathesis: whatever the description allows is answered as it says, for every role."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import checks

from service.live import NOON
from service.web import Web, web_live

EXAMPLES = 6
"""Of each operation and role."""
UNSAID = [checks.ignored_auth, checks.positive_data_acceptance]
"""Visitors may ask for what needs no token; that one of two numbers must not be the larger is more than a schema says."""
NOT_HERE = ("/api/v1/events",)
"""Goes on for ever: its format is held by tests of its own."""


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Web:
    """A market after one interval; its writer has stopped, its state stands."""

    async def go() -> Web:
        async with web_live(tmp_path_factory.mktemp("contract")) as web:
            await web.trade()
            return web

    return asyncio.run(go())


@pytest.mark.parametrize("name", ["", "ann", "grid", "market"])
def test_every_answer_is_one_that_the_description_allows(name: str, market: Web) -> None:
    described = schemathesis.openapi.from_asgi(
        "/api/v1/openapi.json", market.app(hosts=("testserver", "localhost"), most_a_minute=10**6)
    )
    headers = {"authorization": f"Bearer {market.tokens[name]}"} if name else {}
    answered: set[int] = set()
    for found in described.exclude(path=list(NOT_HERE)).get_all_operations():
        operation = found.ok()

        @given(case=operation.as_strategy())
        @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
        def ask(case: Any) -> None:
            known = {"member": name or "ann", "start": NOON} if case.path_parameters.get("start", NOON) % 2 == 0 else {}
            case.path_parameters = {key: known.get(key, value) for key, value in case.path_parameters.items()}
            answer = case.call_and_validate(headers=headers, excluded_checks=UNSAID)
            answered.add(answer.status_code)

        ask()
    assert {200, 404} <= answered
