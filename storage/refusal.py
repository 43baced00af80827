"""What the book says no to, as errors with stable codes: one place for the words."""

from models.errors import Conflict, Invalid


def unknown_sku(sku: str, line_number: int) -> Invalid:
    """No such product."""
    return Invalid(
        "unknown_sku", f"Line {line_number}: there is no product {sku}.", line=line_number
    )


def wrong_currency(sku: str, currency: str, line_number: int) -> Invalid:
    """The product has no price in this currency."""
    return Invalid(
        "wrong_currency", f"Line {line_number}: {sku} is not sold in {currency}.", line=line_number
    )


def wrong_quantity(sku: str, maximum: int, line_number: int) -> Invalid:
    """More units than one line may hold."""
    return Invalid(
        "quantity_too_high",
        f"Line {line_number}: at most {maximum} units of {sku} fit on one line.",
        line=line_number,
        maximum=maximum,
    )


def reference_taken() -> Conflict:
    """Another order of the partner carries this reference."""
    return Conflict(
        "order_reference_taken", "Another order of this partner has this reference already."
    )
