"""Writes decisions as text: edits of lines, import statements, whole files."""
