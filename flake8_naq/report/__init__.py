"""The reports of ``naq-migrate``: the inventory, the ratchet, the page of a rule."""
