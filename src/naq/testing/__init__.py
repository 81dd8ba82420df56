"""What tests of programs need that use naq: :mod:`naq.testing.plugin` has the fixtures."""
