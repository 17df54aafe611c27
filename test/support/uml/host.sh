#!/bin/sh
# The host's side of a User Mode Linux run, as process 1 of its own pid and mount namespace: ends the whole guest
# when it dies, and makes the host's files read-only to it, except the results folder ($1). $2 is its memory.
set -eu
mount --make-rprivate /
mount --bind "$1" "$1"
mount -o remount,bind,ro /
export HOME="$1/home"
mkdir "$HOME"
if grep -qw amx_tile /proc/cpuinfo; then
  TMPDIR="$HOME" cc -shared -fPIC -O1 -o "$1/wide-registers.so" "$1/wide-registers.c"
  export LD_PRELOAD="$1/wide-registers.so"
fi
exec linux.uml mem="$2" rootfstype=hostfs ro init="$1/init.sh" RESULTS="$1" \
  con=null con0=null,fd:1 ssl=null quiet </dev/null
