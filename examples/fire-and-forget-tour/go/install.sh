#!/bin/sh
# Builds the tour, from the modules that go.sum names.
set -eu
cd "$(dirname "$0")"
exec env GOTOOLCHAIN=local GOWORK=off go build -o tour .
