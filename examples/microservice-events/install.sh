#!/bin/sh
# Installs the packages of requirements.txt into .venv and those of package-lock.json into node_modules, unless that has
# been done.
set -eu
cd "$(dirname "$0")"
wanted=$(python3 --version && cat requirements.txt)
if [ "$wanted" != "$(cat .venv/installed 2>/dev/null)" ]; then
    python3 -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --no-input --require-hashes --requirement requirements.txt
    echo "$wanted" >.venv/installed
fi
wanted=$(node --version && cat package-lock.json)
if [ "$wanted" != "$(cat node_modules/.installed 2>/dev/null)" ]; then
    npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
    echo "$wanted" >node_modules/.installed
fi
