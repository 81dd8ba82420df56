"""A flake8 plugin that finds hand-managed NATS connections, and a codemod that mends them.

Nothing in this package imports a NATS library or runs the code that it reads.
"""

__version__ = "0.1.0"
