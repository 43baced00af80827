#!/bin/sh
# Makes the virtual environment with the first Python that is new enough and complete; says what is missing otherwise.
set -eu

venv=$1
found_old=
found_without_venv=

for python in python3 python3.11 python3.12 python3.13 python3.14; do
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        found_old="$python is $version"
        continue
    fi
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        found_without_venv="$python ($version)"
        continue
    fi
    echo "Making $venv with $python ($version) ..."
    rm -rf "$venv"
    exec "$python" -m venv "$venv"
done

if [ -n "$found_without_venv" ]; then
    echo "Keydesk needs the venv module, which $found_without_venv lacks." >&2
    echo "Install it (Debian, Ubuntu: apt install python3-venv) and try again." >&2
else
    echo "Keydesk needs Python 3.11 or newer on the PATH; ${found_old:-there is no Python 3}." >&2
fi
exit 1
