"""Live: the exchange behind a broker and a database."""
