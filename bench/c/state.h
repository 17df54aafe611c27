/*
 * The state file that the benchmark writes (bench/cluster/kernel-feed.ts): a header, the VTEPs of
 * the remote nodes, and the routes in ascending order. Little-endian numbers; addresses in network
 * byte order.
 */
#ifndef CAUSEWAY_BENCH_STATE_H
#define CAUSEWAY_BENCH_STATE_H

#include <stdint.h>

#define STATE_MAGIC 0x31435743u /* "CWC1" */
#define BLACKHOLE 0xffffffffu

struct header {
  uint32_t magic, vteps, routes, vni;
  uint32_t device_mtu, port, local_underlay, local_tunnel;
  uint32_t route_mtu, reserved; /* route_mtu 0: none on the routes */
  unsigned char local_mac[8];
  char parent[16];
};

struct vtep {
  uint32_t tunnel, underlay;
  unsigned char mac[8];
};

struct route {
  uint32_t destination;
  uint32_t length;
  uint32_t vtep; /* index, or BLACKHOLE for a block of the local node */
};

struct state {
  const struct header *header;
  const struct vtep *vteps;
  const struct route *routes;
};

/* Reads the whole file; exits if it is not a state file. */
struct state read_state(const char *path);

#endif
