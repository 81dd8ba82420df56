"""Rule 21's fix: a class that takes a URL takes a ``Config``, and its callers follow."""
