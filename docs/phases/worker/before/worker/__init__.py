"""The worker: what it runs, and what failed."""
