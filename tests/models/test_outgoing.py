"""What we tell the world: a model for every type, and bytes that are the same every time."""

from datetime import UTC, datetime

from models.outgoing import OUTGOING_DATA, OutgoingEvent, OutgoingType, sequence_text

EVENT = OutgoingEvent(
    id="evt_1",
    type=OutgoingType.ORDER_FINAL,
    subject="ord_1",
    time=datetime(2026, 11, 24, 9, 30, tzinfo=UTC),
    sequence=sequence_text(7),
    partnerid="par_1",
    customerid="cus_1",
    data={"order_id": "ord_1", "status": "final"},
)


def test_every_type_has_one_model_of_its_data() -> None:
    assert set(OUTGOING_DATA) == set(OutgoingType)
    assert all(data.type is kind for kind, data in OUTGOING_DATA.items())


def test_an_event_is_these_bytes() -> None:
    assert EVENT.body() == (
        b'{"specversion":"1.0","id":"evt_1","source":"keydesk","type":"keydesk.order.final.v1","subject":"ord_1",'
        b'"time":"2026-11-24T09:30:00Z","datacontenttype":"application/json","sequence":"0000000007",'
        b'"partnerid":"par_1","customerid":"cus_1","data":{"order_id":"ord_1","status":"final"}}'
    )


def test_an_event_about_no_customer_names_none() -> None:
    assert b"customerid" not in EVENT.model_copy(update={"customerid": None}).body()


def test_sequences_sort_as_text_as_their_numbers_do() -> None:
    numbers = [1, 9, 10, 99, 100, 12345]
    assert sorted(map(sequence_text, numbers)) == [sequence_text(number) for number in numbers]
