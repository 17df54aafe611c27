/*
 * The plain way to carry VXLAN in userspace, as others ship it: one packet, one read, one send.
 * usage: tun-vxlan DEVICE LOCAL MAC < remotes
 */
#include "tunnel.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT 4789
#define VNI 4096
#define HEADERS 22

static uint8_t own_mac[6];

static void encapsulate(uint8_t *headers, const struct remote *remote)
{
	const uint8_t vxlan[8] = { 8, 0, 0, 0, VNI >> 16, (VNI >> 8) & 255, VNI & 255, 0 };

	memcpy(headers, vxlan, 8);
	memcpy(headers + 8, remote->mac, 6);
	memcpy(headers + 14, own_mac, 6);
	headers[20] = 8;
	headers[21] = 0;
}

static int is_for_us(const uint8_t *headers, int length)
{
	return length >= HEADERS + 20 && headers[0] == 8 && headers[4] == VNI >> 16 &&
	       headers[5] == ((VNI >> 8) & 255) && headers[6] == (VNI & 255) &&
	       memcmp(headers + 8, own_mac, 6) == 0 && headers[20] == 8 && headers[21] == 0;
}

int main(int argc, char **argv)
{
	static uint8_t buffer[PACKET_MAX];
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int tun, udp, size = 4 << 20;
	unsigned mac[6];

	if (argc != 4 || sscanf(argv[3], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3],
				&mac[4], &mac[5]) != 6)
		return 2;
	for (int at = 0; at < 6; at++)
		own_mac[at] = mac[at];
	read_remotes();
	tun = open_tun(argv[1]);
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	inet_pton(AF_INET, argv[2], &address.sin_addr);
	if (bind(udp, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("bind");
	setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	puts("ready");
	fflush(stdout);

	for (;;) {
		struct sockaddr_in peer = address;
		socklen_t peer_length = sizeof(peer);
		const struct remote *remote;
		int length;

		wait_readable(tun, udp);
		length = read(tun, buffer + HEADERS, sizeof(buffer) - HEADERS);
		remote = length > 0 ? remote_of(buffer + HEADERS, length) : NULL;
		if (remote != NULL) {
			encapsulate(buffer, remote);
			peer.sin_addr = remote->underlay;
			sendto(udp, buffer, length + HEADERS, 0, (struct sockaddr *)&peer, sizeof(peer));
		}
		length = recvfrom(udp, buffer, sizeof(buffer), 0, (struct sockaddr *)&peer, &peer_length);
		if (length > 0 && is_remote(peer.sin_addr) && is_for_us(buffer, length))
			if (write(tun, buffer + HEADERS, length - HEADERS) < 0)
				continue;
	}
}
