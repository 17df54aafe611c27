#include "tunnel.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

struct remote remotes[256];

void die(const char *what)
{
	perror(what);
	exit(1);
}

int open_tun(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	if (fd < 0)
		die("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) < 0)
		die("TUNSETIFF");
	return fd;
}

void read_remotes(void)
{
	unsigned octet, mac[6];
	char underlay[64];

	while (scanf("%u %63s %x:%x:%x:%x:%x:%x", &octet, underlay, &mac[0], &mac[1], &mac[2],
		     &mac[3], &mac[4], &mac[5]) == 8) {
		struct remote *remote = &remotes[octet & 255];

		inet_pton(AF_INET, underlay, &remote->underlay);
		for (int at = 0; at < 6; at++)
			remote->mac[at] = mac[at];
	}
}

const struct remote *remote_of(const uint8_t *packet, int length)
{
	const struct remote *remote;

	if (length < 20 || packet[0] >> 4 != 4)
		return NULL;
	remote = &remotes[packet[18]];
	return remote->underlay.s_addr == 0 ? NULL : remote;
}

int is_remote(struct in_addr underlay)
{
	for (int octet = 0; octet < 256; octet++)
		if (remotes[octet].underlay.s_addr == underlay.s_addr)
			return 1;
	return 0;
}

void wait_readable(int tun, int socket)
{
	struct pollfd descriptors[2] = { { tun, POLLIN, 0 }, { socket, POLLIN, 0 } };

	poll(descriptors, 2, -1);
}
