/* What the two tunnel loops have in common: a TUN device, and a table of remotes. */
#ifndef TUNNEL_H
#define TUNNEL_H

#include <netinet/in.h>
#include <stdint.h>

#define PACKET_MAX 65536

struct remote {
	struct in_addr underlay;
	uint8_t mac[6];
};

/* Remotes by the third octet of the inner destination; an address of zero is none. */
extern struct remote remotes[256];

/* Attaches to a TUN device, without a virtio header. */
int open_tun(const char *name);

/* Reads lines "OCTET UNDERLAY MAC" to the end of standard input. */
void read_remotes(void);

/* Remote of an IPv4 packet, or NULL. */
const struct remote *remote_of(const uint8_t *packet, int length);

/* True if a packet may come from there. */
int is_remote(struct in_addr underlay);

void wait_readable(int tun, int socket);
void die(const char *what);

#endif
