#!/bin/sh
# Builds what is needed and takes the whole tour.
set -eu
cd "$(dirname "$0")"
./install.sh
exec ./tour
