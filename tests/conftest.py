"""What every test may ask for: a database of its own on a real PostgreSQL, and real Temporal servers."""

pytest_plugins = [
    "tests.fixtures.portal",
    "tests.fixtures.postgres",
    "tests.fixtures.stack",
    "tests.fixtures.temporal",
]
