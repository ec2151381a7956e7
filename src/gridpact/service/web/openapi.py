"""The description of the API, as it is kept in the documentation."""

import msgspec

from gridpact.service.web.app import make_app


def openapi_text() -> str:
    """OpenAPI 3.1, JSON."""
    document = make_app(None).openapi_schema.to_schema()
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=2).decode() + "\n"
