"""The codemod: rewrites hand-managed connections that it can prove, and says why it leaves the rest."""
