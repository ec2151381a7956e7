"""Benchmarks: a registry swept over size, and the command that runs it."""
