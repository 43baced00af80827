"""The measurement of long work does the work it measures."""

from benchmarks.bulk import measure


def test_every_piece_works_on_as_many_rows_as_it_says() -> None:
    heard: list[str] = []

    found = measure(30, heard.append)

    lists = [measured.what for measured in found if measured.what.startswith("tickets, ")]
    assert len(lists) == 10
    assert [measured.what for measured in found if measured.what not in lists] == [
        "policy replay",
        "a brief",
        "revocations published",
        "revocations read and signed",
        "the end read again, nothing new",
        "a key checked against the saved feed",
    ]
    assert all(measured.rows == 30 and measured.seconds > 0 for measured in found)
    assert heard
