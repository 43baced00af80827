"""What every test may ask for: a database of its own on a real PostgreSQL, and real Temporal servers."""

pytest_plugins = [
    "tests.fixtures.bucket",
    "tests.fixtures.postgres",
    "tests.fixtures.temporal",
    "tests.fixtures.portal",
    "tests.fixtures.stack",
    "tests.fixtures.sealed",
    "tests.fixtures.links",
    "tests.fixtures.receiver",
    "tests.fixtures.request_tracker",
    "tests.fixtures.bridge",
]
