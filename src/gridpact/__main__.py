"""``python -m gridpact`` is the command line."""

from gridpact.cli import main

main()
