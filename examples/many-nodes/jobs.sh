#!/bin/sh
# Installs what is needed and runs the demonstration of a queue of jobs.
set -eu
cd "$(dirname "$0")"
./install.sh
exec .venv/bin/python jobs.py
