"""Makes the record of each migration phase: findings, diffs, and effects counted by a real server.

This is the repository's own tool. Neither distribution contains it.
"""
