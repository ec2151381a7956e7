"""A witness: signs a head only if it goes on from the one that it signed last."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from gridpact.errors import ForkError
from gridpact.ledger.heads import WITNESS, SignedHead, TreeHead
from gridpact.ledger.keys import Directory, SigningKey
from gridpact.ledger.merkle import verify_consistency


@dataclass(slots=True)
class Witness:
    """Somebody independent of the log's keeper, who remembers the last head.

    Of a log that it does not know it signs the first head that it is shown; from then on it sees any rewriting of history.

    Attributes
    ----------
    name
        As in the directory of keys.
    key
        Its own.
    last
        The last head that it signed.
    """

    name: str
    key: SigningKey
    last: TreeHead | None = field(default=None)

    def cosign(self, signed: SignedHead, proof: Sequence[bytes], keeper: str, keys: Directory) -> SignedHead:
        """Add its signature to a head.

        Parameters
        ----------
        signed
            The head, signed by the keeper.
        proof
            That the tree of the last head is the beginning of this one: `MerkleLog.consistency_proof`.
        keeper, keys
            Who keeps the log, and everybody's public keys.

        Raises
        ------
        ForkError
            If the keeper's signature does not hold, or the head does not go on from the last one.
        """
        head = signed.head
        if not signed.signed_by(keeper, keys):
            raise ForkError(f"{self.name} does not sign head {head.size}: the signature of {keeper} does not hold")
        if self.last is not None:
            self._refuse_fork(self.last, head, proof)
        self.last = head
        return replace(signed, witnesses={**signed.witnesses, self.name: self.key.sign(WITNESS + head.content)})

    def _refuse_fork(self, last: TreeHead, head: TreeHead, proof: Sequence[bytes]) -> None:
        reason = ""
        if head.log != last.log:
            reason = f"it is of log {head.log}, the last one of {last.log}"
        elif head.previous != last.hash:
            reason = "it does not name the head signed last as its previous one"
        elif head.time < last.time:
            reason = f"its time {head.time} is before {last.time}"
        elif not verify_consistency(last.size, head.size, proof, last.root, head.root):
            reason = f"its tree does not begin with the {last.size} entries of the head signed last"
        if reason:
            raise ForkError(f"{self.name} does not sign head {head.size}: {reason}")
