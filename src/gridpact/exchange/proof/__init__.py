"""What a market writes into its ledger, and whether all of it follows from what was signed."""

from gridpact.exchange.proof.area import Area, opening, to_ms, to_text
from gridpact.exchange.proof.check import AreaCheck
from gridpact.exchange.proof.journal import (
    append_journal,
    append_step,
    brings_head,
    directory_of,
    sign_command,
    sign_head_after,
    verify_command,
)
from gridpact.exchange.proof.steps import StepCheck
from gridpact.exchange.proof.verify import Trust, Verified, verify

__all__ = [
    "Area",
    "AreaCheck",
    "StepCheck",
    "Trust",
    "Verified",
    "append_journal",
    "append_step",
    "brings_head",
    "directory_of",
    "opening",
    "sign_command",
    "sign_head_after",
    "to_ms",
    "to_text",
    "verify",
    "verify_command",
]
