/*
 * dump-routes [N]: dumps the IPv4 routes of the main table N times, decoding destination, prefix
 * length, protocol and nexthop id of each, and prints how long each dump took. The strict check
 * makes the kernel leave the other tables out. The fingerprint covers destination, length, type,
 * gateway and MTU of our routes, so that it is equal for the same routes written in another way.
 */
#include "netlink.h"
#include "route-dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct totals {
  unsigned routes, owned, with_nexthop;
  uint64_t fingerprint;
};

static uint32_t read_u32(const struct rtattr *attribute) {
  uint32_t value;
  memcpy(&value, RTA_DATA(attribute), sizeof value);
  return value;
}

static uint32_t read_mtu(struct rtattr *metrics) {
  int left = (int)RTA_PAYLOAD(metrics);
  for (struct rtattr *metric = RTA_DATA(metrics); RTA_OK(metric, left); metric = RTA_NEXT(metric, left))
    if (metric->rta_type == RTAX_MTU) return read_u32(metric);
  return 0;
}

static void decode(struct nlmsghdr *message, void *context) {
  struct totals *totals = context;
  struct rtmsg *route = NLMSG_DATA(message);
  int left = (int)RTM_PAYLOAD(message);
  uint32_t destination = 0, nexthop = 0, gateway = 0, mtu = 0;
  for (struct rtattr *attribute = RTM_RTA(route); RTA_OK(attribute, left);
       attribute = RTA_NEXT(attribute, left)) {
    if (attribute->rta_type == RTA_DST) destination = read_u32(attribute);
    if (attribute->rta_type == RTA_NH_ID) nexthop = read_u32(attribute);
    if (attribute->rta_type == RTA_GATEWAY) gateway = read_u32(attribute);
    if (attribute->rta_type == RTA_METRICS) mtu = read_mtu(attribute);
  }
  totals->routes++;
  if (route->rtm_protocol != ROUTE_PROTOCOL) return;
  totals->owned++;
  if (nexthop != 0) totals->with_nexthop++;
  uint64_t words[] = {destination, route->rtm_dst_len | route->rtm_type << 8, gateway, mtu};
  for (int at = 0; at < 4; at++)
    totals->fingerprint = (totals->fingerprint ^ words[at]) * 0x9e3779b97f4a7c15u ^ totals->fingerprint >> 29;
}

int main(int count, char **words) {
  int repetitions = count > 1 ? atoi(words[1]) : 1;
  int fd = open_netlink();
  struct totals totals = {0};
  printf("{\"milliseconds\":[");
  for (int done = 0; done < repetitions; done++) {
    double start = now_ms();
    totals = (struct totals){0};
    dump_main_table(fd, (uint32_t)done + 1, decode, &totals);
    printf("%s%.3f", done == 0 ? "" : ",", now_ms() - start);
  }
  printf("],\"routes\":%u,\"owned\":%u,\"withNexthop\":%u,\"fingerprint\":\"%016llx\"}\n", totals.routes,
         totals.owned, totals.with_nexthop, (unsigned long long)totals.fingerprint);
  return 0;
}
