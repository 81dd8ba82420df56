"""What ``naq-migrate`` tells: the inventory, the ratchet, the page of a rule."""
