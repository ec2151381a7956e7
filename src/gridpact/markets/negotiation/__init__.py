"""Bilateral energy loans between members with private preferences (Chakraborty, Baarslag, Kaisers, Applied Energy 2020).

- What is weighed: a `Criterion` says in `Rates` what each kWh costs; a `Negotiator` weighs several and aspires to a quantile.
- What is on offer: a `ContractGrid`; `contract_spaces` gives the expected utility of all of it.
- A session: `negotiate` on arrays, `negotiate_by_agents` by messages; `appraise`, `trace`, `pareto_front` are an observer's.
- An interval: `PeerChoice` pairs members, `hold_round` lets them negotiate; `loans_as_trades` makes trades of it.
- As mechanisms: ``negotiation:s0``, ``s1``, ``s2``.
"""

from gridpact.markets.negotiation.agents import (
    Accept,
    Agent,
    Intent,
    Message,
    Offer,
    Reject,
    SilentPeerError,
    WalkAway,
    negotiate_by_agents,
)
from gridpact.markets.negotiation.consents import Consents
from gridpact.markets.negotiation.contracts import WINDOW, ContractGrid, link_limit_wh
from gridpact.markets.negotiation.criteria import Autarky, Criterion, FlexibilityLoss, NetworkPrice, Rates, combine
from gridpact.markets.negotiation.mechanism import Alone, Negotiation, Still
from gridpact.markets.negotiation.negotiators import Negotiator, check_negotiators, efficiencies
from gridpact.markets.negotiation.peers import SCORES, Experience, PeerChoice, Public, Score, complementarity
from gridpact.markets.negotiation.revealed import infer_weight, misplacement
from gridpact.markets.negotiation.rounds import (
    Meeting,
    Round,
    Situation,
    Terms,
    hold_round,
    loaned_between,
    loans_as_trades,
)
from gridpact.markets.negotiation.sessions import (
    MARGIN,
    Appraisal,
    Rules,
    Session,
    Table,
    Trace,
    appraise,
    negotiate,
    offers,
    pareto_front,
    trace,
)
from gridpact.markets.negotiation.spaces import Space, contract_spaces
from gridpact.markets.negotiation.variants import VARIANTS

__all__ = [
    "MARGIN",
    "SCORES",
    "VARIANTS",
    "WINDOW",
    "Accept",
    "Agent",
    "Alone",
    "Appraisal",
    "Autarky",
    "Consents",
    "ContractGrid",
    "Criterion",
    "Experience",
    "FlexibilityLoss",
    "Intent",
    "Meeting",
    "Message",
    "Negotiation",
    "Negotiator",
    "NetworkPrice",
    "Offer",
    "PeerChoice",
    "Public",
    "Rates",
    "Reject",
    "Round",
    "Rules",
    "Score",
    "Session",
    "SilentPeerError",
    "Situation",
    "Space",
    "Still",
    "Table",
    "Terms",
    "Trace",
    "WalkAway",
    "appraise",
    "check_negotiators",
    "combine",
    "complementarity",
    "contract_spaces",
    "efficiencies",
    "hold_round",
    "infer_weight",
    "link_limit_wh",
    "loaned_between",
    "loans_as_trades",
    "misplacement",
    "negotiate",
    "negotiate_by_agents",
    "offers",
    "pareto_front",
    "trace",
]
