"""The assignment market negotiated among its members, without anybody who sees it all."""

from gridpact.markets.assignment.negotiation.agents import (
    Ack,
    Buyer,
    Contract,
    Message,
    Report,
    Seller,
    Word,
    negotiate_by_bargaining_agents,
)
from gridpact.markets.assignment.negotiation.bargaining import negotiate_by_bargaining
from gridpact.markets.assignment.negotiation.outcome import Negotiation, NoConsensusError, UnreachableError
from gridpact.markets.assignment.negotiation.projection import negotiate_by_projection
from gridpact.markets.assignment.negotiation.projection_agents import Member, Proposal, negotiate_by_projection_agents

__all__ = [
    "Ack",
    "Buyer",
    "Contract",
    "Member",
    "Message",
    "Negotiation",
    "NoConsensusError",
    "Proposal",
    "Report",
    "Seller",
    "UnreachableError",
    "Word",
    "negotiate_by_bargaining",
    "negotiate_by_bargaining_agents",
    "negotiate_by_projection",
    "negotiate_by_projection_agents",
]
