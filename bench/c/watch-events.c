/*
 * watch-events: prints every link, address, neighbour, FDB, nexthop and IPv4 route event of this
 * namespace, one JSON line each, stamped with CLOCK_REALTIME in microseconds when it was received.
 * Prints {"kind":"watching"} once it listens.
 */
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static void print_mac(const char *name, const struct rtattr *attribute) {
  const unsigned char *mac = RTA_DATA(attribute);
  if (RTA_PAYLOAD(attribute) != 6) return;
  printf(",\"%s\":\"%02x:%02x:%02x:%02x:%02x:%02x\"", name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void print_ip(const char *name, const struct rtattr *attribute) {
  char text[INET6_ADDRSTRLEN];
  int family = RTA_PAYLOAD(attribute) == 4 ? AF_INET : AF_INET6;
  if (inet_ntop(family, RTA_DATA(attribute), text, sizeof text)) printf(",\"%s\":\"%s\"", name, text);
}

static void print_number(const char *name, const struct rtattr *attribute) {
  uint32_t value = 0;
  memcpy(&value, RTA_DATA(attribute), 4);
  printf(",\"%s\":%u", name, value);
}

static void print_device(unsigned ifindex) {
  char name[IF_NAMESIZE];
  if (if_indextoname(ifindex, name)) printf(",\"device\":\"%s\"", name);
  printf(",\"ifindex\":%u", ifindex);
}

static void print_attributes(struct nlmsghdr *message, size_t header, int kind) {
  int left = (int)(message->nlmsg_len - NLMSG_SPACE(header));
  for (struct rtattr *at = (void *)((char *)NLMSG_DATA(message) + NLMSG_ALIGN(header)); RTA_OK(at, left);
       at = RTA_NEXT(at, left)) {
    int type = at->rta_type & NLA_TYPE_MASK;
    if (kind == RTM_NEWLINK && type == IFLA_IFNAME) printf(",\"name\":\"%s\"", (char *)RTA_DATA(at));
    if (kind == RTM_NEWLINK && type == IFLA_MTU) print_number("mtu", at);
    if (kind == RTM_NEWLINK && type == IFLA_ADDRESS) print_mac("mac", at);
    if (kind == RTM_NEWADDR && type == IFA_LOCAL) print_ip("ip", at);
    if (kind == RTM_NEWNEIGH && type == NDA_DST) print_ip("ip", at);
    if (kind == RTM_NEWNEIGH && type == NDA_LLADDR) print_mac("mac", at);
    if (kind == RTM_NEWNEXTHOP && type == NHA_ID) print_number("id", at);
    if (kind == RTM_NEWROUTE && type == RTA_DST) print_ip("destination", at);
    if (kind == RTM_NEWROUTE && type == RTA_NH_ID) print_number("nexthop", at);
    if (kind == RTM_NEWROUTE && type == RTA_GATEWAY) print_ip("gateway", at);
  }
}

static void print_event(struct nlmsghdr *message, long long stamp) {
  int deleted = (message->nlmsg_type & 3) == 1;
  int kind = message->nlmsg_type & ~3;
  static const struct { int type; const char *name; size_t header; } kinds[] = {
      {RTM_NEWLINK, "link", sizeof(struct ifinfomsg)},   {RTM_NEWADDR, "address", sizeof(struct ifaddrmsg)},
      {RTM_NEWROUTE, "route", sizeof(struct rtmsg)},     {RTM_NEWNEIGH, "neighbour", sizeof(struct ndmsg)},
      {RTM_NEWNEXTHOP, "nexthop", sizeof(struct nhmsg)},
  };
  for (size_t at = 0; at < sizeof kinds / sizeof *kinds; at++) {
    if (kinds[at].type != kind) continue;
    const char *name = kinds[at].name;
    struct ndmsg *row = NLMSG_DATA(message);
    if (kind == RTM_NEWNEIGH && row->ndm_family == AF_BRIDGE) name = "fdb";
    printf("{\"at\":%lld,\"kind\":\"%s\",\"deleted\":%s", stamp, name, deleted ? "true" : "false");
    if (kind == RTM_NEWNEIGH) {
      print_device((unsigned)row->ndm_ifindex);
      printf(",\"permanent\":%s", row->ndm_state & NUD_PERMANENT ? "true" : "false");
    } else if (kind == RTM_NEWLINK) {
      struct ifinfomsg *link = NLMSG_DATA(message);
      printf(",\"ifindex\":%d,\"up\":%s", link->ifi_index, link->ifi_flags & IFF_UP ? "true" : "false");
    } else if (kind == RTM_NEWADDR) {
      print_device(((struct ifaddrmsg *)NLMSG_DATA(message))->ifa_index);
    } else if (kind == RTM_NEWROUTE) {
      struct rtmsg *route = NLMSG_DATA(message);
      printf(",\"protocol\":%u,\"length\":%u,\"table\":%u", route->rtm_protocol, route->rtm_dst_len, route->rtm_table);
    } else {
      printf(",\"protocol\":%u", ((struct nhmsg *)NLMSG_DATA(message))->nh_protocol);
    }
    print_attributes(message, kinds[at].header, kind);
    printf("}\n");
  }
}

/* Events are stamped and kept while more are waiting, and printed when the queue is empty, so that
 * the printing of one does not delay the stamp of the next. */
static _Alignas(8) unsigned char store[64 << 20];
static struct { size_t at; ssize_t size; long long stamp; } events[1 << 18];

static size_t receive_all(int fd) {
  size_t count = 0, used = 0;
  while (count < sizeof events / sizeof *events && used + 65536 <= sizeof store) {
    ssize_t size = recv(fd, store + used, 65536, count == 0 ? 0 : MSG_DONTWAIT);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (size < 0 && count > 0 && errno == EAGAIN) break;
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) die("recv");
    events[count].at = used;
    events[count].size = size;
    events[count++].stamp = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
    used += NLMSG_ALIGN((size_t)size);
  }
  return count;
}

/* With real-time priority, because an event that waits for a free core is stamped too late, and the
 * time to the next one comes out too short. */
static void hurry(void) {
  struct sched_param priority = {.sched_priority = 50};
  if (sched_setscheduler(0, SCHED_FIFO, &priority) < 0) die("real-time priority");
}

int main(void) {
  hurry();
  int fd = open_netlink();
  int bytes = 64 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  static const int groups[] = {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE,
                               RTNLGRP_NEXTHOP};
  for (size_t at = 0; at < sizeof groups / sizeof *groups; at++)
    if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[at], sizeof groups[at]) < 0)
      die("group");
  printf("{\"at\":0,\"kind\":\"watching\",\"deleted\":false}\n");
  for (;;) {
    fflush(stdout);
    size_t count = receive_all(fd);
    for (size_t at = 0; at < count; at++) {
      int left = (int)events[at].size;
      for (struct nlmsghdr *message = (void *)(store + events[at].at); NLMSG_OK(message, left);
           message = NLMSG_NEXT(message, left))
        print_event(message, events[at].stamp);
    }
  }
}
