"""Finds the files and the calls that may concern the codemod: ast-grep once, then names."""
