"""Decides which part of a function becomes an ``async with``, or why it stays as it is."""
