"""Core payoffs as potentials: one system of difference constraints for single and multi contracts.

A node for every member and one for the ground, with potentials w of a seller, −u of a buyer, 0 of the ground. A pair that does
not trade asks for ``w_j − (−u_i) ≥ g_ij``, a member for a payoff from 0 up; a used pair makes the first an equality, a member
with energy left the second; a full link turns it round. Nodes that equalities connect move together and are one node.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from gridpact.markets.assignment import _differences, _lexicographic, _leximin
from gridpact.markets.assignment.multi import Flow
from gridpact.markets.assignment.payoffs import Payoffs
from gridpact.markets.assignment.single import Matching
from gridpact.units import BoolArray, FloatArray, IntArray

_Arcs: TypeAlias = tuple[IntArray, IntArray, FloatArray]

_NO_ARCS: _Arcs = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)


@dataclass(frozen=True, eq=False)
class Potentials:
    """The payoffs of a core, as shifts of nodes from one point of it.

    Attributes
    ----------
    payoffs
        The point from which shifts are counted.
    node
        Node of each buyer, then of each seller, ``[B + S]``; 0 is the ground.
    tail, head, slack
        Constraints between different nodes, ``[arc]``: ``y_head − y_tail ≥ −slack``, slacks not negative.
    weight
        Payoff per kWh that is one unit of money for each member, ``[B + S]``; 1 for single contracts.
    """

    payoffs: Payoffs
    node: IntArray
    tail: IntArray
    head: IntArray
    slack: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, outcome: Matching | Flow) -> "Potentials":
        """Set the system up."""
        return _of_matching(outcome) if isinstance(outcome, Matching) else _of_flow(outcome)

    def lowest(self) -> Payoffs:
        """The point that every buyer likes best."""
        return self._moved(-self._distances(self._forward))

    def highest(self) -> Payoffs:
        """The point that every seller likes best."""
        return self._moved(self._distances(self._backward))

    def nucleolus(self) -> Payoffs:
        """The point whose smallest slack is largest, then the next one, and so on."""
        return self._moved(_lexicographic.balance(self._nodes, self.tail, self.head, self.slack))

    def leximin(self) -> Payoffs:
        """The point whose smallest payoff is largest, then the next one, and so on; members at the ground aside."""
        buyers = len(self.payoffs.buyer)
        is_seller = np.arange(len(self.node)) >= buyers
        payoff = np.concatenate(self.payoffs)
        return self._moved(_leximin.leximin(self._forward, self._backward, self.node, is_seller, payoff, self.weight))

    @property
    def _nodes(self) -> int:
        return int(self.node.max(initial=0)) + 1

    @cached_property
    def _forward(self) -> _leximin.Graph:
        return _differences.sort_by_tail(self._nodes, self.tail, self.head, self.slack)

    @cached_property
    def _backward(self) -> _leximin.Graph:
        return _differences.sort_by_tail(self._nodes, self.head, self.tail, self.slack)

    def _distances(self, graph: _leximin.Graph) -> FloatArray:
        source, nobody = np.full(self._nodes, np.inf), np.zeros(self._nodes, dtype=np.bool_)
        source[0] = 0.0
        distance, _ = _differences.distances(*graph, source, nobody)
        return distance

    def _moved(self, shift: FloatArray) -> Payoffs:
        by, buyers = shift[self.node], len(self.payoffs.buyer)
        return Payoffs(self.payoffs.buyer - by[:buyers], self.payoffs.seller + by[buyers:])


def _of_matching(matching: Matching) -> Potentials:
    buyers, sellers = matching.value.shape
    pairs = matching.pairs
    alone = np.ones(buyers, dtype=np.bool_), np.ones(sellers, dtype=np.bool_)
    for side, members in zip(alone, pairs, strict=True):
        side[members] = False
    i, j = np.nonzero(matching.value)
    u, w = matching.payoffs
    apart = matching.partner[i] != j
    i, j = i[apart], j[apart]
    asked = i, j, u[i] + w[j] - matching.value[i, j]
    return _system(matching.payoffs, alone, pairs, asked, _NO_ARCS, np.ones(buyers + sellers))


def _of_flow(flow: Flow) -> Potentials:
    links, (u, w) = flow.links, flow.payoffs
    usable = (links.gain > 0) & (links.capacity > 0)
    used = usable & (flow.energy > flow.residue)
    slack = u[links.buyer] + w[links.seller] - links.gain
    rows = usable & ~used, used & ~flow.full, used & flow.full
    (i, j), pairs, (full_i, full_j) = ((links.buyer[row], links.seller[row]) for row in rows)
    energy = np.concatenate([links.demand, links.supply])
    weight = np.divide(1.0, energy, out=np.zeros(len(energy)), where=energy > 0)
    asked, turned = (i, j, slack[rows[0]]), (full_i, full_j, -slack[rows[2]])
    return _system(flow.payoffs, flow.idle, pairs, asked, turned, weight)


def _system(
    payoffs: Payoffs,
    alone: tuple[BoolArray, BoolArray],
    pairs: tuple[IntArray, IntArray],
    asked: _Arcs,
    turned: _Arcs,
    weight: FloatArray,
) -> Potentials:
    """Connect what moves together, and put the constraints between what does not.

    Parameters
    ----------
    alone
        Buyers and sellers whose payoff is 0.
    pairs
        Buyer and seller of each equality.
    asked, turned
        Buyer, seller and slack of each pair that does not trade, and of each full link.
    """
    first_seller = 1 + len(payoffs.buyer)
    at_ground = 1 + np.flatnonzero(np.concatenate(alone))
    nodes = first_seller + len(payoffs.seller)
    label = _differences.group(
        nodes,
        np.concatenate([np.zeros_like(at_ground), 1 + pairs[0]]),
        np.concatenate([at_ground, first_seller + pairs[1]]),
    )
    buyer_node, seller_node = label[1:first_seller], label[first_seller:]
    ground_b, ground_s = np.zeros_like(buyer_node), np.zeros_like(seller_node)
    arcs = (
        (buyer_node[asked[0]], seller_node[asked[1]], asked[2]),
        (seller_node[turned[1]], buyer_node[turned[0]], turned[2]),
        (buyer_node, ground_b, payoffs.buyer),
        (ground_s, seller_node, payoffs.seller),
    )
    tail, head, slack = (np.concatenate(column) for column in zip(*arcs, strict=True))
    apart = tail != head
    return Potentials(payoffs, label[1:], tail[apart], head[apart], np.maximum(slack[apart], 0.0), weight)
