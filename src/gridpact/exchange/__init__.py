"""The life of an order; so far its last step: settlement."""

from gridpact.exchange.settlement import Energies, Settlement, settle

__all__ = ["Energies", "Settlement", "settle"]
