/* A netlink socket and a buffer of packed messages: what the benchmark's C programs share. */
#ifndef CAUSEWAY_BENCH_NETLINK_H
#define CAUSEWAY_BENCH_NETLINK_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>

/* Messages per send: 256 to 512 is where the cost per message is flat. */
#define BATCH_MESSAGES 500
#define BATCH_BYTES (BATCH_MESSAGES * 256)

/* The values that Causeway uses, so that every contender leaves the same state behind. */
#define ROUTE_PROTOCOL 202
#define DEVICE "vxlan.causeway"

struct batch {
  int socket;
  uint32_t sequence;
  unsigned messages;
  unsigned batches;
  unsigned errors;
  int first_error;
  size_t used;
  struct nlmsghdr *last;
  _Alignas(8) unsigned char bytes[BATCH_BYTES];
};

/* A bound NETLINK_ROUTE socket with large buffers and strict checking; exits on failure. */
int open_netlink(void);

/* Starts a message with a zeroed header of `size` bytes; flushes first if the buffer is full. */
void *begin_message(struct batch *batch, uint16_t type, uint16_t flags, size_t size);
void put_attribute(struct batch *batch, uint16_t type, const void *data, size_t size);
void put_u32(struct batch *batch, uint16_t type, uint32_t value);
struct rtattr *begin_nested(struct batch *batch, uint16_t type);
void end_nested(struct batch *batch, struct rtattr *nested);

/* Sends what is packed, asks for one ack on the last message, and waits for it. */
void flush(struct batch *batch);

/* CLOCK_MONOTONIC in milliseconds. */
double now_ms(void);
void die(const char *what);

#endif
