#!/bin/sh
# Brings Temporal's two databases to the schema of this server version; a second run does nothing.
set -eu

SQL_PASSWORD=$(cat /run/secrets/temporal_db_password)
export SQL_PASSWORD

schema() {
    database=$1
    shift
    temporal-sql-tool --plugin "$DB" --endpoint "$POSTGRES_SEEDS" --port "$DB_PORT" \
        --user "$POSTGRES_USER" --database "$database" "$@"
}

schema temporal setup-schema --version 0.0
schema temporal update-schema --schema-dir /etc/temporal/schema/postgresql/v12/temporal/versioned
schema temporal_visibility setup-schema --version 0.0
schema temporal_visibility update-schema --schema-dir /etc/temporal/schema/postgresql/v12/visibility/versioned
