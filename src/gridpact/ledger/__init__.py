"""Proof: canonical encoding, keys, a Merkle log, witnesses, exports. It knows bytes and keys, and nothing of markets."""

from gridpact.ledger.canonical import Json, decode, encode, encode_rows
from gridpact.ledger.check import Counts, DifferenceError, LogCheck, known_heads, name_entry
from gridpact.ledger.encoding import sha256, to_bytes, to_text
from gridpact.ledger.entry import Entry
from gridpact.ledger.export import End, ExportWriter, Header, Line, View, new_log, read_export
from gridpact.ledger.heads import SignedHead, TreeHead
from gridpact.ledger.keys import Directory, Entropy, SigningKey, same_keys
from gridpact.ledger.log import Log
from gridpact.ledger.merkle import MerkleLog, leaf_hash, node_hash, verify_consistency, verify_inclusion
from gridpact.ledger.sealing import Opening, seal
from gridpact.ledger.witness import Witness

__all__ = [
    "Counts",
    "DifferenceError",
    "Directory",
    "End",
    "Entropy",
    "Entry",
    "ExportWriter",
    "Header",
    "Json",
    "Line",
    "Log",
    "LogCheck",
    "MerkleLog",
    "Opening",
    "SignedHead",
    "SigningKey",
    "TreeHead",
    "View",
    "Witness",
    "decode",
    "encode",
    "encode_rows",
    "known_heads",
    "leaf_hash",
    "name_entry",
    "new_log",
    "node_hash",
    "read_export",
    "same_keys",
    "seal",
    "sha256",
    "to_bytes",
    "to_text",
    "verify_consistency",
    "verify_inclusion",
]
