"""The codemod: rewrites the hand-managed connections that it can prove, and explains each refusal."""
