"""Lowers syntax to the control-flow graph."""
