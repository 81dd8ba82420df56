"""Joins the connections of one function: an unsafe fix on top of the blocks of a run."""
