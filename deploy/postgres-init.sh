#!/bin/sh
# Runs once, on an empty volume: one account each for Keydesk and Temporal, neither of which sees the other's data.
set -eu

SECRETS_DIR=${SECRETS_DIR:-/run/secrets}
export SECRETS_DIR

# The passwords are read by psql itself: as arguments every process could see them.
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\set keydesk_password `cat "$SECRETS_DIR/keydesk_db_password"`
\set temporal_password `cat "$SECRETS_DIR/temporal_db_password"`
CREATE ROLE keydesk LOGIN PASSWORD :'keydesk_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
ALTER DATABASE keydesk OWNER TO keydesk;
REVOKE CONNECT ON DATABASE keydesk, temporal, temporal_visibility, postgres FROM PUBLIC;
SQL
