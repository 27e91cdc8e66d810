#!/bin/sh
# Installs what is needed and runs the demonstration.
set -eu
cd "$(dirname "$0")"
./install.sh
exec .venv/bin/python demo.py
