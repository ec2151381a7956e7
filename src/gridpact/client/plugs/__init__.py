"""What users run already: readings of evcc and of OPC UA meters for the market, a member's market for Home Assistant.

Every sign is converted by `signs`, nowhere else.
"""

from gridpact.client.plugs.evcc import EvccSite, report_from_evcc
from gridpact.client.plugs.home_assistant import Board, discovery, show_in_home_assistant, state_topic
from gridpact.client.plugs.metering import IntervalMeter
from gridpact.client.plugs.opcua import read_counter, report_from_opcua
from gridpact.client.plugs.signs import EVCC, GRIDPACT, HOME_ASSISTANT, OPENEMS, Signs

__all__ = [
    "EVCC",
    "GRIDPACT",
    "HOME_ASSISTANT",
    "OPENEMS",
    "Board",
    "EvccSite",
    "IntervalMeter",
    "Signs",
    "discovery",
    "read_counter",
    "report_from_evcc",
    "report_from_opcua",
    "show_in_home_assistant",
    "state_topic",
]
