"""Finds the files and calls for the codemod: one run of ast-grep, then name resolution."""
