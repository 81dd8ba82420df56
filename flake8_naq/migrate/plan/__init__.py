"""Plans which part of a function becomes an ``async with``, or refuses with a reason."""
