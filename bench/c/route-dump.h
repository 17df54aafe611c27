/* A dump of the IPv4 routes of the main table. */
#ifndef CAUSEWAY_BENCH_ROUTE_DUMP_H
#define CAUSEWAY_BENCH_ROUTE_DUMP_H

#include <linux/netlink.h>
#include <stdint.h>

/* Calls `visit` for each RTM_NEWROUTE. Needs a socket with strict checking (see open_netlink). */
void dump_main_table(int fd, uint32_t sequence, void (*visit)(struct nlmsghdr *, void *), void *context);

#endif
