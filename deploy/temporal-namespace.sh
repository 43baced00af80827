#!/bin/sh
# Makes our namespace with 90 days of retention and the search attributes of workflows/search_attributes.py;
# a second run changes nothing. TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE say where.
set -eu

retention=90d

operator() {
    # `namespace create` does not take the name from the environment.
    temporal operator "$@" --namespace "$TEMPORAL_NAMESPACE"
}

attempts=30
until temporal operator cluster health >/dev/null 2>&1; do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] || { echo "Temporal at $TEMPORAL_ADDRESS does not answer" >&2; exit 1; }
    sleep 2
done

if operator namespace describe >/dev/null 2>&1; then
    operator namespace update --retention "$retention"
else
    operator namespace create --retention "$retention"
fi

# A namespace just made is known to every part of the cluster after some seconds.
attempts=15
until operator search-attribute list >/dev/null 2>&1; do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] || { echo "the namespace $TEMPORAL_NAMESPACE does not answer" >&2; exit 1; }
    sleep 2
done

attribute() {
    operator search-attribute create --name "$1" --type "$2"
}

attribute KeydeskStage Keyword
attribute KeydeskCustomer Keyword
attribute KeydeskCustomerTenant Keyword
attribute KeydeskOrder Keyword
attribute KeydeskTicket Keyword
attribute KeydeskWindowEnd Datetime
attribute KeydeskWaitingSince Datetime
attribute KeydeskNeedsAttention Bool
