"""What a market writes into its ledger, and whether all of it follows from what was signed."""

from gridpact.exchange.proof.area import Area, opening, to_ms, to_text
from gridpact.exchange.proof.check import AreaCheck
from gridpact.exchange.proof.verify import Trust, Verified, verify

__all__ = ["Area", "AreaCheck", "Trust", "Verified", "opening", "to_ms", "to_text", "verify"]
