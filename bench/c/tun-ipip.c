/*
 * The plain way to carry IP-in-IP in userspace: one packet, one read, one send.
 * usage: tun-ipip DEVICE LOCAL < remotes
 */
#include "tunnel.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static uint8_t buffer[PACKET_MAX];
	struct sockaddr_in address = { .sin_family = AF_INET };
	int tun, raw, size = 4 << 20;

	if (argc != 3)
		return 2;
	read_remotes();
	tun = open_tun(argv[1]);
	raw = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_IPIP);
	inet_pton(AF_INET, argv[2], &address.sin_addr);
	if (raw < 0 || bind(raw, (struct sockaddr *)&address, sizeof(address)) < 0)
		die("raw socket");
	setsockopt(raw, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(raw, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	puts("ready");
	fflush(stdout);

	for (;;) {
		struct sockaddr_in peer = address;
		socklen_t peer_length = sizeof(peer);
		const struct remote *remote;
		int length, header;

		wait_readable(tun, raw);
		length = read(tun, buffer, sizeof(buffer));
		remote = length > 0 ? remote_of(buffer, length) : NULL;
		if (remote != NULL) {
			peer.sin_addr = remote->underlay;
			sendto(raw, buffer, length, 0, (struct sockaddr *)&peer, sizeof(peer));
		}
		length = recvfrom(raw, buffer, sizeof(buffer), 0, (struct sockaddr *)&peer, &peer_length);
		header = length > 0 ? (buffer[0] & 15) * 4 : 0;
		if (length > header + 20 && is_remote(peer.sin_addr))
			if (write(tun, buffer + header, length - header) < 0)
				continue;
	}
}
