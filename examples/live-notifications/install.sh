#!/bin/sh
# Installs the packages of package-lock.json into node_modules, unless that has been done.
set -eu
cd "$(dirname "$0")"
wanted=$(node --version && cat package-lock.json)
[ "$wanted" = "$(cat node_modules/.installed 2>/dev/null)" ] && exit
npm ci --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null
echo "$wanted" >node_modules/.installed
