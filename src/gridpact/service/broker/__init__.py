"""Who may say what to whom on the bus, and the brokers that see to it: one inside of the process, or Mosquitto.

The rules stand once, in `access`; the embedded broker asks them message by message, Mosquitto gets them as files.
"""

from gridpact.service.broker.access import (
    Account,
    Accounts,
    Grant,
    area_grants,
    bus_grant,
    covers,
    may,
    member_grants,
    meter_grants,
)
from gridpact.service.broker.mosquitto import mosquitto_files
from gridpact.service.broker.passwords import hash_password, password_matches

__all__ = [
    "Account",
    "Accounts",
    "Grant",
    "area_grants",
    "bus_grant",
    "covers",
    "hash_password",
    "may",
    "member_grants",
    "meter_grants",
    "mosquitto_files",
    "password_matches",
]
