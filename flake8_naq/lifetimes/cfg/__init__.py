"""The control-flow graph of a scope, and its builder."""
