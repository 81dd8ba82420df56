"""Propagates facts through the control-flow graph."""
