"""Rule 21's fix: a class takes a ``Config`` in place of a URL, and its callers pass one."""
