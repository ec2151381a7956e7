"""Trades that did not come from orders: entered by the exchange for a mechanism, or signed by the two who trade."""

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from gridpact.exchange._asking import Asked, Refusal
from gridpact.exchange._bidding import bidding
from gridpact.exchange._bounds import allowed
from gridpact.exchange.commands import RecordAgreement, SignAgreement
from gridpact.exchange.events import AgreementRecorded, AgreementSigned, AnyEvent, TradeStruck, TransferMade
from gridpact.exchange.reasons import ReasonCode
from gridpact.exchange.state import State
from gridpact.exchange.values import LARGEST, Role, TradeTerms, TransferTerms

TERMS = b"gridpact/v1/agreement\n"


def record_agreement(asked: Asked[RecordAgreement]) -> Iterator[AnyEvent]:
    """Enter what a mechanism has agreed."""
    body, state = asked.body, asked.state
    asked.refuse_duplicate(state.intervals.get(body.interval))
    asked.before_gate(body.interval)
    for row, trade in enumerate(body.trades):
        _check_parties(asked, f"body.trades[{row}]", trade, seller=trade.seller, buyer=trade.buyer)
    for row, transfer in enumerate(body.transfers):
        _check_parties(asked, f"body.transfers[{row}]", transfer, payer=transfer.payer, payee=transfer.payee)
    _check_trades(state, body.trades)
    _check_transfers(state, body.transfers)
    yield from _strike(state, body.trades, asked.command.key)
    for move in body.transfers:
        yield TransferMade(move.interval, move.payer, move.payee, move.amount, move.reason)
    yield AgreementRecorded(body.interval, body.mechanism, asked.command.key, body.certificate)


def sign_agreement(asked: Asked[SignAgreement]) -> Iterator[AnyEvent]:
    """Note a signature; with the second one strike the trades."""
    body, state, author = asked.body, asked.state, asked.author
    interval = bidding(asked)
    both = {author, body.peer}
    if len(both) == 1:
        raise Refusal(ReasonCode.FORBIDDEN, "body.peer", "an agreement with oneself")
    for row, trade in enumerate(body.trades):
        _check_parties(asked, f"body.trades[{row}]", trade, seller=trade.seller, buyer=trade.buyer)
        if {trade.seller, trade.buyer} != both:
            raise Refusal(ReasonCode.FORBIDDEN, f"body.trades[{row}]", f"a trade of {trade.seller} and {trade.buyer}")
    earliest = min(trade.interval for trade in body.trades)
    if body.interval != earliest:
        raise Refusal(ReasonCode.CONFLICT, "body.interval", f"the earliest trade is in {earliest}")
    _check_trades(state, body.trades)
    agreement = agreement_of(both, body.trades)
    signed_by = interval.agreements.get(agreement)
    if signed_by == author:
        raise Refusal(ReasonCode.DUPLICATE, "body", "signed by this member already")
    if signed_by is not None:
        yield from _strike(state, body.trades, asked.command.key)
    yield AgreementSigned(body.interval, agreement, author, body.peer, asked.command.key)


def agreement_of(members: Iterable[str], trades: Iterable[TradeTerms]) -> str:
    """By what two signatures are known to be under the same terms."""
    terms = msgspec.json.encode([sorted(members), [msgspec.structs.astuple(trade) for trade in trades]])
    return hashlib.sha256(TERMS + terms).hexdigest()


def _strike(state: State, trades: Iterable[TradeTerms], key: str) -> Iterator[TradeStruck]:
    numbers: dict[int, int] = {}
    for trade in trades:
        number = numbers.setdefault(trade.interval, len(state.intervals[trade.interval].trades))
        leg = f"{key}:{trade.leg}" if trade.leg >= 0 else ""
        yield TradeStruck(trade.interval, number, trade.seller, trade.buyer, trade.energy_wh, trade.price, leg=leg)
        numbers[trade.interval] += 1


def _check_parties(
    asked: Asked[RecordAgreement] | Asked[SignAgreement], row: str, terms: TradeTerms | TransferTerms, **parties: str
) -> None:
    """Both take part in the interval, which is open, and are not the same."""
    interval = asked.before_gate(terms.interval, f"{row}.interval")
    paying = isinstance(terms, TransferTerms)
    for field, party in parties.items():
        actor = asked.state.actors.get(party)
        institution = paying and actor is not None and actor.role in (Role.SUPPLIER, Role.DSO, Role.EXCHANGE)
        if party not in interval.roster.at and not institution:
            raise Refusal(ReasonCode.UNKNOWN_MEMBER, f"{row}.{field}", f"{party} does not take part")
    if len(set(parties.values())) == 1:
        raise Refusal(ReasonCode.FORBIDDEN, f"{row}.{field}", f"{party} on both sides")


def _check_trades(state: State, trades: Iterable[TradeTerms]) -> None:
    """What is agreed keeps the limits of the area and of its members, with all that they have open and agreed already."""
    volume_wh: dict[tuple[int, str, int], int] = {}
    for row, trade in enumerate(trades):
        for side, member in enumerate((trade.seller, trade.buyer)):
            own = allowed(state, member)
            if not own.lowest_price <= trade.price <= own.highest_price:
                found = f"{trade.price}, from {own.lowest_price} to {own.highest_price} is accepted of {member}"
                raise Refusal(ReasonCode.LIMIT, f"body.trades[{row}].price", found)
            known_wh = state.intervals[trade.interval].volume_wh.get(member, (0, 0))[side]
            place = (trade.interval, member, side)
            volume_wh[place] = volume_wh.get(place, known_wh) + trade.energy_wh
            if volume_wh[place] > own.most_wh:
                found = f"{volume_wh[place]} Wh of {member} in all, up to {own.most_wh} Wh are accepted"
                raise Refusal(ReasonCode.LIMIT, f"body.trades[{row}].energy_wh", found)


def _check_transfers(state: State, transfers: Iterable[TransferTerms]) -> None:
    """All transfers of an interval together stay exact."""
    amounts: dict[int, int] = {}
    for row, transfer in enumerate(transfers):
        known = amounts.get(transfer.interval)
        if known is None:
            known = sum(made.amount for made in state.intervals[transfer.interval].transfers)
        amounts[transfer.interval] = known + transfer.amount
        if amounts[transfer.interval] > LARGEST:
            found = f"{amounts[transfer.interval]} micro-units in all, up to {LARGEST} are accepted"
            raise Refusal(ReasonCode.LIMIT, f"body.transfers[{row}].amount", found)
