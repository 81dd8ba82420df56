"""Writes decisions as text: edits of lines, and import statements."""
