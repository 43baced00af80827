#!/bin/sh
# Starts the Temporal server with its database password from a secret: its configuration knows no *_FILE.
set -eu

POSTGRES_PWD=$(cat /run/secrets/temporal_db_password)
export POSTGRES_PWD
exec /etc/temporal/entrypoint.sh
