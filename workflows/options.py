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

ROUND_TIMEOUT = timedelta(minutes=15)
"""Longer than a round of sending takes; what sends for ever does it round after round."""
ROUND_HEARTBEAT = timedelta(seconds=10)
DESK_HEARTBEAT = timedelta(seconds=15)
"""An outside ticket desk answers slowly."""
ROUND_RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(minutes=1),
)
ROUNDS_PER_RUN = 200
"""Then the history is cut and the next run goes on."""
