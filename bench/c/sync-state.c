/*
 * sync-state best|naive STATE: brings an empty namespace to the state in the file.
 *
 * best:  device, address, neighbours, FDB, one nexthop object per VTEP, then the routes by nexthop
 *        id in spread order (golden-ratio stride over the ascending list), so that the kernel
 *        neither scans gateways nor resizes the root of its trie again and again.
 * naive: the same device, neighbours and FDB, then plain gateways in ascending order.
 *
 * Both pack 500 messages per send with one ack on the last. The time runs from the first send to
 * the last ack; reading the file and choosing the order come before it.
 */
#include "netlink.h"
#include "spread.h"
#include "state.h"

#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <net/if.h>
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct batch batch;
static struct state state;

static int create_device(void) {
  const struct header *header = state.header;
  struct ifinfomsg *link =
      begin_message(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
  link->ifi_flags = link->ifi_change = IFF_UP;
  put_attribute(&batch, IFLA_IFNAME, DEVICE, sizeof DEVICE);
  put_attribute(&batch, IFLA_ADDRESS, header->local_mac, 6);
  put_u32(&batch, IFLA_MTU, header->device_mtu);
  struct rtattr *info = begin_nested(&batch, IFLA_LINKINFO);
  put_attribute(&batch, IFLA_INFO_KIND, "vxlan", 5);
  struct rtattr *data = begin_nested(&batch, IFLA_INFO_DATA);
  uint8_t off = 0;
  uint16_t port = htons((uint16_t)header->port);
  put_u32(&batch, IFLA_VXLAN_ID, header->vni);
  put_u32(&batch, IFLA_VXLAN_LINK, if_nametoindex(header->parent));
  put_u32(&batch, IFLA_VXLAN_LOCAL, header->local_underlay);
  put_attribute(&batch, IFLA_VXLAN_LEARNING, &off, sizeof off);
  put_attribute(&batch, IFLA_VXLAN_PORT, &port, sizeof port);
  end_nested(&batch, data);
  end_nested(&batch, info);
  flush(&batch);
  int device = (int)if_nametoindex(DEVICE);
  if (device == 0) die("no " DEVICE);
  struct ifaddrmsg *address =
      begin_message(&batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *address);
  address->ifa_family = AF_INET;
  address->ifa_prefixlen = 32;
  address->ifa_index = (uint32_t)device;
  put_u32(&batch, IFA_LOCAL, header->local_tunnel);
  put_u32(&batch, IFA_ADDRESS, header->local_tunnel);
  flush(&batch);
  return device;
}

static struct ndmsg *begin_neighbour(int device, uint8_t family, uint16_t ndm_state, uint8_t flags) {
  struct ndmsg *row = begin_message(&batch, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL, sizeof *row);
  row->ndm_family = family;
  row->ndm_ifindex = device;
  row->ndm_state = ndm_state;
  row->ndm_flags = flags;
  return row;
}

static void write_neighbours(int device) {
  for (uint32_t at = 0; at < state.header->vteps; at++) {
    begin_neighbour(device, AF_INET, NUD_PERMANENT, 0);
    put_u32(&batch, NDA_DST, state.vteps[at].tunnel);
    put_attribute(&batch, NDA_LLADDR, state.vteps[at].mac, 6);
  }
  flush(&batch);
}

static void write_fdb(int device) {
  for (uint32_t at = 0; at < state.header->vteps; at++) {
    begin_neighbour(device, AF_BRIDGE, NUD_PERMANENT | NUD_NOARP, NTF_SELF);
    put_attribute(&batch, NDA_LLADDR, state.vteps[at].mac, 6);
    put_u32(&batch, NDA_DST, state.vteps[at].underlay);
  }
  flush(&batch);
}

static void write_nexthops(int device) {
  for (uint32_t at = 0; at < state.header->vteps; at++) {
    struct nhmsg *nexthop =
        begin_message(&batch, RTM_NEWNEXTHOP, NLM_F_CREATE | NLM_F_EXCL, sizeof *nexthop);
    nexthop->nh_family = AF_INET;
    nexthop->nh_protocol = ROUTE_PROTOCOL;
    nexthop->nh_flags = RTNH_F_ONLINK;
    put_u32(&batch, NHA_ID, at + 1);
    put_u32(&batch, NHA_OIF, (uint32_t)device);
    put_u32(&batch, NHA_GATEWAY, state.vteps[at].tunnel);
  }
  flush(&batch);
}

static void write_route(const struct route *route, int device, int by_nexthop) {
  struct rtmsg *row = begin_message(&batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, sizeof *row);
  row->rtm_family = AF_INET;
  row->rtm_dst_len = (uint8_t)route->length;
  row->rtm_table = RT_TABLE_MAIN;
  row->rtm_protocol = ROUTE_PROTOCOL;
  row->rtm_type = route->vtep == BLACKHOLE ? RTN_BLACKHOLE : RTN_UNICAST;
  put_u32(&batch, RTA_DST, route->destination);
  if (route->vtep == BLACKHOLE) return;
  if (by_nexthop) {
    put_u32(&batch, RTA_NH_ID, route->vtep + 1);
  } else {
    row->rtm_flags = RTNH_F_ONLINK;
    put_u32(&batch, RTA_OIF, (uint32_t)device);
    put_u32(&batch, RTA_GATEWAY, state.vteps[route->vtep].tunnel);
  }
  if (state.header->route_mtu == 0) return;
  struct rtattr *metrics = begin_nested(&batch, RTA_METRICS);
  put_u32(&batch, RTAX_MTU, state.header->route_mtu);
  end_nested(&batch, metrics);
}

static void write_routes(int device, int best) {
  uint64_t count = state.header->routes;
  uint64_t stride = best ? spread_stride(count) : 1;
  for (uint64_t done = 0, at = 0; done < count; done++, at = (at + stride) % count)
    write_route(&state.routes[at], device, best);
  flush(&batch);
}

int main(int count, char **words) {
  int best = count == 3 && strcmp(words[1], "best") == 0;
  if (!best && !(count == 3 && strcmp(words[1], "naive") == 0)) {
    fprintf(stderr, "usage: sync-state best|naive STATE\n");
    return 2;
  }
  state = read_state(words[2]);
  batch.socket = open_netlink();
  double times[6];
  times[0] = now_ms();
  int device = create_device();
  times[1] = now_ms();
  write_neighbours(device);
  times[2] = now_ms();
  write_fdb(device);
  times[3] = now_ms();
  if (best) write_nexthops(device);
  times[4] = now_ms();
  write_routes(device, best);
  times[5] = now_ms();
  printf("{\"mode\":\"%s\",\"vteps\":%u,\"routes\":%u,\"messages\":%u,\"batches\":%u,"
         "\"errors\":%u,\"firstError\":\"%s\",\"device\":%.3f,\"neighbours\":%.3f,\"fdb\":%.3f,"
         "\"nexthops\":%.3f,\"writeRoutes\":%.3f,\"total\":%.3f}\n",
         words[1], state.header->vteps, state.header->routes, batch.sequence, batch.batches,
         batch.errors, batch.errors ? strerror(batch.first_error) : "", times[1] - times[0],
         times[2] - times[1], times[3] - times[2], times[4] - times[3], times[5] - times[4],
         times[5] - times[0]);
  return batch.errors == 0 ? 0 : 1;
}
