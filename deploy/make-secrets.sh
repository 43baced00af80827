#!/bin/sh
# Makes the random secrets docker-compose.yml reads, once: what stands already is kept.
set -eu

directory=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$directory"

random() { head -c 32 /dev/urandom | base64 | tr -d '\n'; }
password() { random | tr '+/' '-_' | tr -d '='; }

write() {
    # Containers run as other users: the directory is closed, the files in it are readable.
    [ -e "$directory/$1" ] || { printf '%s\n' "$2" >"$directory/$1.new" && chmod 444 "$directory/$1.new" && mv "$directory/$1.new" "$directory/$1"; }
}

write postgres_password "$(password)"
write temporal_db_password "$(password)"
write keydesk_db_password "$(password)"
write database_url "postgresql+psycopg://keydesk:$(cat "$directory/keydesk_db_password")@postgres:5432/keydesk"
write key_ring "{\"current\": \"k1\", \"keys\": {\"k1\": \"$(random)\"}, \"fingerprint\": \"$(random)\"}"
write revocation_ring "{\"current\": \"r1\", \"keys\": {\"r1\": \"$(random)\"}}"
write event_secrets "{\"house-portal\": [\"whsec_$(random)\"]}"

echo "The secrets are in $directory. Keep a copy of key_ring: without it no product key can be read again."
