#include "netlink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

void die(const char *what) {
  perror(what);
  exit(1);
}

double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

int open_netlink(void) {
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) die("socket");
  int bytes = 8 << 20, on = 1;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
  setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  if (setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on) < 0) die("strict check");
  struct sockaddr_nl address = {.nl_family = AF_NETLINK};
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  return fd;
}

void *begin_message(struct batch *batch, uint16_t type, uint16_t flags, size_t size) {
  if (batch->messages == BATCH_MESSAGES || batch->used + 256 > sizeof batch->bytes) flush(batch);
  struct nlmsghdr *header = (struct nlmsghdr *)(batch->bytes + batch->used);
  memset(header, 0, NLMSG_SPACE(size));
  header->nlmsg_len = NLMSG_LENGTH(size);
  header->nlmsg_type = type;
  header->nlmsg_flags = NLM_F_REQUEST | flags;
  header->nlmsg_seq = ++batch->sequence;
  batch->used += NLMSG_ALIGN(header->nlmsg_len);
  batch->messages++;
  batch->last = header;
  return NLMSG_DATA(header);
}

static struct rtattr *append(struct batch *batch, uint16_t type, size_t size) {
  struct rtattr *attribute = (struct rtattr *)(batch->bytes + batch->used);
  attribute->rta_type = type;
  attribute->rta_len = RTA_LENGTH(size);
  if (RTA_SPACE(size) > RTA_LENGTH(size)) memset(RTA_DATA(attribute) + size, 0, RTA_SPACE(size) - RTA_LENGTH(size));
  batch->used += RTA_SPACE(size);
  batch->last->nlmsg_len += RTA_SPACE(size);
  return attribute;
}

void put_attribute(struct batch *batch, uint16_t type, const void *data, size_t size) {
  memcpy(RTA_DATA(append(batch, type, size)), data, size);
}

void put_u32(struct batch *batch, uint16_t type, uint32_t value) {
  put_attribute(batch, type, &value, sizeof value);
}

struct rtattr *begin_nested(struct batch *batch, uint16_t type) {
  return append(batch, type, 0);
}

void end_nested(struct batch *batch, struct rtattr *nested) {
  nested->rta_len = (uint16_t)(batch->bytes + batch->used - (unsigned char *)nested);
}

void flush(struct batch *batch) {
  if (batch->messages == 0) return;
  uint32_t wanted = batch->last->nlmsg_seq;
  batch->last->nlmsg_flags |= NLM_F_ACK;
  if (send(batch->socket, batch->bytes, batch->used, 0) < 0) die("send");
  batch->used = 0;
  batch->messages = 0;
  batch->batches++;
  for (;;) {
    static _Alignas(8) unsigned char replies[65536];
    ssize_t size = recv(batch->socket, replies, sizeof replies, 0);
    if (size < 0) die("recv");
    int left = (int)size;
    for (struct nlmsghdr *reply = (void *)replies; NLMSG_OK(reply, left); reply = NLMSG_NEXT(reply, left)) {
      if (reply->nlmsg_type != NLMSG_ERROR) continue;
      int error = ((struct nlmsgerr *)NLMSG_DATA(reply))->error;
      if (error != 0 && batch->errors++ == 0) batch->first_error = -error;
      if (reply->nlmsg_seq == wanted) return;
    }
  }
}
