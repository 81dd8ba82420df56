"""The connections over the git history, read from git's objects without a checkout."""
