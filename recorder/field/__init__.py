"""The field report: linter and codemod on public projects that were not written for them."""
