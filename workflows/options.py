"""Timeouts and retry policies, by kind of neighbour: the only place that holds them."""

from datetime import timedelta

from temporalio.common import RetryPolicy

LOCAL_TIMEOUT = timedelta(seconds=5)
LOCAL_RETRY = RetryPolicy(maximum_attempts=1)
"""Our own book, fast lane: one try inside the workflow task, then the regular activity takes over."""

BOOK_TIMEOUT = timedelta(seconds=30)
BOOK_RETRY = RetryPolicy(
    initial_interval=timedelta(milliseconds=500),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
)
"""Our own book, safe lane: for ever, since money and keys are never given up."""

TYPESET_TIMEOUT = timedelta(minutes=5)
"""Some twenty papers, of which one may have thousands of lines."""

ATTENTION_AFTER = timedelta(minutes=5)
"""How long a step may keep failing before people are told."""

FLAG_TIMEOUT = timedelta(seconds=30)
FLAG_RETRY = RetryPolicy(maximum_attempts=3)
"""Telling people that a step fails must not itself become a step that fails."""
