#!/bin/bash
# Installs what this stack needs from Debian's packages, if it is not there. Needs root or sudo.
set -euo pipefail
packages=(python3-fastapi uvicorn python3-uvloop python3-httptools celery python3-gevent
  python3-redis python3-hiredis python3-httpx redis-server)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
echo "perdure bench: installing ${missing[*]} for the comparison with FastAPI, Celery and Redis …" >&2
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo)
"${root[@]}" apt-get update -qq
"${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
