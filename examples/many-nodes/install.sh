#!/bin/sh
# Installs the packages of requirements.txt into .venv, unless that has been done.
set -eu
cd "$(dirname "$0")"
wanted=$(python3 --version && cat requirements.txt)
[ "$wanted" = "$(cat .venv/installed 2>/dev/null)" ] && exit
python3 -m venv --clear .venv
.venv/bin/python -m pip install --quiet --no-input --require-hashes --requirement requirements.txt
echo "$wanted" >.venv/installed
