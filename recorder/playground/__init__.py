"""The playground: linter, codemod and control-flow graph in the reader's own browser."""
