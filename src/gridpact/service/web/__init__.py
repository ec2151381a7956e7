"""The web face of a market area: a read-only view of the writer's state as REST, server-sent events, metrics and pages."""

from gridpact.service.web.access import Keyholder, Role, Tokens, Viewer
from gridpact.service.web.app import make_app
from gridpact.service.web.front import Front
from gridpact.service.web.openapi import openapi_text
from gridpact.service.web.serving import listen, run_web
from gridpact.service.web.site import Charge, Records, Site, Window

__all__ = [
    "Charge",
    "Front",
    "Keyholder",
    "Records",
    "Role",
    "Site",
    "Tokens",
    "Viewer",
    "Window",
    "listen",
    "make_app",
    "openapi_text",
    "run_web",
]
