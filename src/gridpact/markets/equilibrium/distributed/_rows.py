"""Rows of what a member decides, and of the working space of its program."""

GENERATE, CURTAIL, CHARGE, DISCHARGE, IMPORT, EXPORT, CHARGED = range(7)
ROWS = 7
SLOTS = 11
"""Arrays ``[row, hour]`` of working space."""
