"""Studies of the equilibrium: any instance that is kept in a file, cleared and reported."""

from gridpact.study.equilibrium.instance_file import ClearedFile, clear_file, findings, of_members

__all__ = ["ClearedFile", "clear_file", "findings", "of_members"]
