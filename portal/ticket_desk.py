"""The outside ticket desk that the settings name, if any."""

from integrations.ticket_desk.request_tracker import RequestTracker
from models.errors import KeydeskError
from settings import Settings


def open_ticket_desk(settings: Settings) -> RequestTracker | None:
    """Request Tracker, where its address is set; without one, our own desk is the only one."""
    if settings.rt_url is None:
        return None
    if settings.rt_token is None:
        raise KeydeskError(
            "rt_incomplete", "KEYDESK_RT_URL needs KEYDESK_RT_TOKEN or KEYDESK_RT_TOKEN_FILE."
        )
    return RequestTracker(
        settings.rt_url, settings.rt_token, queue=settings.rt_queue, user=settings.rt_user
    )
