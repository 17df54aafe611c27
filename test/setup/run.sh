#!/bin/sh
# npm run demo | test | check | bench: gets the machine ready, builds, runs.
#
# What is lacking is installed first, npm and Debian packages alike, and named before it is. Nothing is asked.
# POSIX sh, because on a fresh machine there is nothing else to rely on but Node.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/sbin:/sbin
verb=$1
shift
arguments=$*

say() { echo "causeway set-up: $*" >&2; }

# Runs a command quietly; if it fails, shows the end of what it printed and stops.
quietly() {
  log=$(mktemp)
  if "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
  else
    tail -n 30 "$log" >&2
    rm -f "$log"
    say "failed: $*"
    exit 1
  fi
}

# What each verb calls, as "command:Debian package", or "/path:package" for a file.
needs() {
  case $verb in
    demo)
      echo ip:iproute2 modprobe:kmod
      case " $arguments " in *" etcd "* | *=etcd\ *) echo etcd:etcd-server etcdctl:etcd-client ;; esac
      ;;
    test)
      echo ip:iproute2 modprobe:kmod ping:iputils-ping sysctl:procps tcpdump:tcpdump nft:nftables ethtool:ethtool
      # Captures that scapy makes, and tshark reads, are the oracle of our decoder.
      echo /usr/lib/python3/dist-packages/scapy:python3-scapy tshark:tshark
      # A certificate for the Kubernetes test server.
      echo openssl:openssl
      # A server of the tests' own; where the package starts one by itself, that is left alone.
      echo etcd:etcd-server etcdctl:etcd-client
      # What connects pods, also those of the tests.
      echo /usr/lib/cni/ptp:containernetworking-plugins
      # IP-in-IP is tested in a User Mode Linux kernel, which exists for this architecture alone.
      [ "$(uname -m)" != x86_64 ] || echo linux.uml:user-mode-linux
      # See test/support/uml/wide-registers.c.
      ! grep -qw amx_tile /proc/cpuinfo || echo cc:gcc /usr/include/stdio.h:libc6-dev
      ;;
    bench)
      echo ip:iproute2 modprobe:kmod gcc:gcc /usr/include/stdio.h:libc6-dev ethtool:ethtool
      echo iperf3:iperf3 ping:iputils-ping etcd:etcd-server etcdctl:etcd-client
      # For differential, as for the tests.
      [ "$(uname -m)" != x86_64 ] || echo linux.uml:user-mode-linux
      ;;
  esac
}

install_debian_packages() {
  missing=
  for need in $(needs); do
    thing=${need%%:*}
    case $thing in
      /*) [ -e "$thing" ] ;;
      *) command -v "$thing" >/dev/null ;;
    esac || missing="$missing ${need#*:}"
  done
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "this is no Debian, so install what is lacking by hand:$missing"
    exit 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    say "Debian packages are lacking and only root can install them:$missing"
    exit 1
  fi
  say "installing Debian packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  quietly apt-get -o DPkg::Lock::Timeout=300 update
  # shellcheck disable=SC2086 # one word for each package
  quietly apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing
}

install_npm_packages() {
  node test/setup/npm-installed.mjs && return 0
  say "installing npm packages (npm ci)"
  quietly npm ci
}

# Without root the tests that need it are skipped, and say so; CI may not skip them.
if [ "$(id -u)" -ne 0 ]; then
  case $verb in
    demo | bench)
      say "npm run $verb makes network namespaces and needs root: use sudo"
      exit 1
      ;;
    test)
      if [ "${CI:-}" = true ]; then
        say "CI must run the kernel tests and needs root"
        exit 1
      fi
      ;;
  esac
fi
install_debian_packages
install_npm_packages
PATH=$PWD/node_modules/.bin:$PATH

case $verb in
  demo)
    tsc -p tsconfig.json
    exec node dist/src/main.js demo "$@"
    ;;
  check)
    biome ci --log-level=warn .
    tsc -p tsconfig.json
    tsc -p test/tsconfig.json
    # On every core: by itself vitest leaves one out. Modules are loaded once for all files, which halves the time;
    # npm test keeps the files apart.
    exec vitest run --config test/vitest.config.ts --project unit --maxWorkers=100% --no-isolate "$@"
    ;;
  test)
    # The kernel tests build what they run. The whole suite includes the gates of `npm run check`; a part of it,
    # named by arguments, does not.
    if [ $# -eq 0 ]; then
      failed_gates=
      biome ci --log-level=warn . || failed_gates="$failed_gates biome"
      tsc -p test/tsconfig.json || failed_gates="$failed_gates tsc"
      export CAUSEWAY_FAILED_GATES="$failed_gates"
    fi
    exec vitest run --config test/vitest.config.ts "$@"
    ;;
  bench)
    tsc -p tsconfig.json
    exec node bench/run.mjs "$@"
    ;;
  *)
    say "unknown: $verb; one of demo, test, check, bench"
    exit 1
    ;;
esac
