"""What a member is shown of its accounts: monthly statements that add up to the events behind them."""

from gridpact.exchange.statements.bookings import Booking, Bookings, Bookkeeper, Line, Statement, month
from gridpact.exchange.statements.page import to_csv, to_html

__all__ = ["Booking", "Bookings", "Bookkeeper", "Line", "Statement", "month", "to_csv", "to_html"]
