"""How often and how soon a process that died is started again."""

import time
from collections import deque
from collections.abc import Callable

_PAUSE_FIRST_S = 0.5
_PAUSE_MAX_S = 4.0


class RestartBudget:
    """A few restarts a minute with growing pauses; more than that is a fault that restarting cannot mend."""

    def __init__(
        self,
        restarts_max: int = 5,
        window_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._restarts_max = restarts_max
        self._window_s = window_s
        self._clock = clock
        self._deaths: deque[float] = deque()

    def pause_after_death(self) -> float | None:
        """Seconds to wait before the next start, or None when the budget is spent."""
        now = self._clock()
        while self._deaths and now - self._deaths[0] > self._window_s:
            self._deaths.popleft()
        self._deaths.append(now)
        if len(self._deaths) > self._restarts_max:
            return None
        return min(_PAUSE_FIRST_S * float(2 ** (len(self._deaths) - 1)), _PAUSE_MAX_S)
