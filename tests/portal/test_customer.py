"""What a customer reads of tickets: the notes that are meant for it, and nothing else."""

from models.ticket import Audience
from tests.factories import CUSTOMER, GLOBAL_ADMIN, OTHER_BUYER
from tests.fixtures.inquiry import Inquiry
from tests.fixtures.portal import Portal

PATH = f"/api/v1/customers/{CUSTOMER}/notes"


async def test_customers_read_what_is_meant_for_them_and_nothing_else(portal: Portal) -> None:
    inquiry = Inquiry(portal.state.database).open()
    for audience in Audience:
        inquiry.note(audience=audience, text=f"For {audience}.")

    (note,) = (await portal.get(PATH, GLOBAL_ADMIN)).json()["items"]

    ticket = (await portal.get(f"/api/v1/tickets/{inquiry.id}")).json()
    assert (note["text"], note["ticket_number"]) == ("For customer.", ticket["number"])
    assert set(note) == {"id", "ticket_number", "text", "written_at"}
    assert [seen["text"] for seen in ticket["notes"]] == ["For partner.", "For customer."]
    refused = await portal.get(f"/api/v1/tickets/{inquiry.id}", GLOBAL_ADMIN)
    assert refused.json()["code"] == "forbidden"
    for user, status in (("usr_gustav_global", 404), (OTHER_BUYER, 404), ("usr_ulrich_user", 403)):
        assert (await portal.get(PATH, user)).status_code == status, user


async def test_the_newest_note_comes_first_on_pages(portal: Portal) -> None:
    inquiry = Inquiry(portal.state.database).open()
    for number in range(3):
        inquiry.note(audience=Audience.CUSTOMER, text=f"{number}")
    first = (await portal.get(PATH, GLOBAL_ADMIN, limit=2)).json()
    second = (await portal.get(PATH, GLOBAL_ADMIN, limit=2, after=first["next"])).json()

    assert [note["text"] for note in first["items"] + second["items"]] == ["2", "1", "0"]
    assert second["next"] is None


async def test_what_concerns_no_customer_is_written_for_none(portal: Portal) -> None:
    inquiry = Inquiry(portal.state.database).open(customer_id=None)
    draft = {"text": "For whom?", "audience": "customer"}

    refused = await portal.post(f"/api/v1/tickets/{inquiry.id}/notes", draft)

    assert refused.json()["code"] == "no_customer"
    assert (await portal.get(f"/api/v1/tickets/{inquiry.id}")).json()["notes"] == []
