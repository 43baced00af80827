"""The search attributes operators list cases by; registered with every Temporal we run on."""

from temporalio.common import SearchAttributeKey

STAGE = SearchAttributeKey.for_keyword("KeydeskStage")
CUSTOMER = SearchAttributeKey.for_keyword("KeydeskCustomer")
CUSTOMER_TENANT = SearchAttributeKey.for_keyword("KeydeskCustomerTenant")
ORDER = SearchAttributeKey.for_keyword("KeydeskOrder")
TICKET = SearchAttributeKey.for_keyword("KeydeskTicket")
WINDOW_END = SearchAttributeKey.for_datetime("KeydeskWindowEnd")
WAITING_SINCE = SearchAttributeKey.for_datetime("KeydeskWaitingSince")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("KeydeskNeedsAttention")

SEARCH_ATTRIBUTES: dict[str, str] = {
    STAGE.name: "Keyword",
    CUSTOMER.name: "Keyword",
    CUSTOMER_TENANT.name: "Keyword",
    ORDER.name: "Keyword",
    TICKET.name: "Keyword",
    WINDOW_END.name: "Datetime",
    WAITING_SINCE.name: "Datetime",
    NEEDS_ATTENTION.name: "Bool",
}
