/*
 * Offers UDP datagrams at a rate, or counts those that arrive.
 * usage: udp-load send RATE SECONDS SIZES FIRST LAST   to 10.244.FIRST.1 .. 10.244.LAST.1 in turn
 *        udp-load count SECONDS
 * SIZES is one payload length or several with commas, taken in turn.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PORT 9999
#define BATCH 32

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static int send_load(double rate, double seconds, char *sizes, int first, int last)
{
	static char payload[1500];
	struct sockaddr_in names[BATCH];
	struct iovec vectors[BATCH];
	struct mmsghdr messages[BATCH] = { 0 };
	int lengths[16], count = 0, fd = socket(AF_INET, SOCK_DGRAM, 0);
	long sent = 0, next = 0;
	double start = now();

	for (char *size = strtok(sizes, ","); size != NULL && count < 16; size = strtok(NULL, ","))
		lengths[count++] = atoi(size);
	while (now() - start < seconds) {
		if (next > (now() - start) * rate)
			continue;
		for (int at = 0; at < BATCH; at++, next++) {
			char text[32];

			names[at] = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(PORT) };
			snprintf(text, sizeof(text), "10.244.%ld.1", first + next % (last - first + 1));
			inet_pton(AF_INET, text, &names[at].sin_addr);
			vectors[at] = (struct iovec){ payload, lengths[next % count] };
			messages[at].msg_hdr = (struct msghdr){ .msg_name = &names[at],
								.msg_namelen = sizeof(names[at]),
								.msg_iov = &vectors[at],
								.msg_iovlen = 1 };
		}
		int done = sendmmsg(fd, messages, BATCH, 0);

		sent += done > 0 ? done : 0;
	}
	printf("{\"packets\":%ld,\"seconds\":%f}\n", sent, now() - start);
	return 0;
}

static int count_load(double seconds)
{
	static char buffers[BATCH][2048];
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	struct iovec vectors[BATCH];
	struct mmsghdr messages[BATCH] = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 4 << 20;
	long received = 0;
	double start, end;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return 1;
	for (int at = 0; at < BATCH; at++) {
		vectors[at] = (struct iovec){ buffers[at], sizeof(buffers[at]) };
		messages[at].msg_hdr = (struct msghdr){ .msg_iov = &vectors[at], .msg_iovlen = 1 };
	}
	puts("ready");
	fflush(stdout);
	start = now();
	for (end = start + seconds; now() < end;) {
		struct pollfd descriptor = { fd, POLLIN, 0 };

		if (poll(&descriptor, 1, 50) <= 0)
			continue;
		int got = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);

		received += got > 0 ? got : 0;
	}
	printf("{\"packets\":%ld,\"seconds\":%f}\n", received, now() - start);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "send") == 0)
		return send_load(atof(argv[2]), atof(argv[3]), argv[4], atoi(argv[5]), atoi(argv[6]));
	if (argc == 3 && strcmp(argv[1], "count") == 0)
		return count_load(atof(argv[2]));
	return 2;
}
