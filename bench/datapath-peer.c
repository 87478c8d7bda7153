/*
 * Both ends of a measured path.
 *
 *     datapath-peer serve PORT             takes what is streamed to it over TCP and answers over UDP; says "ready"
 *     datapath-peer stream ADDRESS PORT MS     one TCP stream for that long: prints MiB/s
 *     datapath-peer ask ADDRESS PORT COUNT     questions of 64 bytes, one after the other: prints p50 and p99 in us
 *     datapath-peer open ADDRESS PORT COUNT    TCP connections, one after the other: prints p50 and p99 in us
 *
 * Each end stays on a processor of its own, if there are two, so that where the scheduler puts them is no part of what is
 * measured; and goes before everything else that the machine does, so that this is no part of it either. Nothing else
 * runs meanwhile: let it be some tenths of a second.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 128 * 1024, QUESTION = 64, BUFFER = 1024 * 1024, ANSWER_TIMEOUT_S = 5 };

static char chunk[CHUNK];

static void die(const char *what)
{
	fprintf(stderr, "datapath-peer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void stay_on_processor(int wanted)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(wanted % (int)sysconf(_SC_NPROCESSORS_ONLN), &set);
	if (sched_setaffinity(0, sizeof set, &set))
		die("sched_setaffinity");
}

static void go_first(void)
{
	struct sched_param priority = { .sched_priority = 1 };
	if (sched_setscheduler(0, SCHED_FIFO, &priority))
		die("sched_setscheduler");
}

static int open_socket(int type)
{
	int yes = 1, size = BUFFER, fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes))
		die("SO_REUSEADDR");
	/* Of one size always: what the kernel grows by itself differs from stream to stream. */
	if (type == SOCK_STREAM && (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) ||
				    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)))
		die("SO_SNDBUFFORCE, SO_RCVBUFFORCE");
	return fd;
}

static int connect_to(const char *address, const char *port, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = open_socket(type);
	if (inet_pton(AF_INET, address, &to.sin_addr) != 1 || connect(fd, (struct sockaddr *)&to, sizeof to))
		die(address);
	return fd;
}

static int bind_to(const char *port, int type)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = open_socket(type);
	if (bind(fd, (struct sockaddr *)&at, sizeof at))
		die("bind");
	return fd;
}

static void *answer(void *socket)
{
	char question[QUESTION];
	struct sockaddr_in from;
	for (;;) {
		socklen_t length = sizeof from;
		ssize_t got = recvfrom(*(int *)socket, question, sizeof question, 0, (struct sockaddr *)&from, &length);
		if (got < 0)
			die("recvfrom");
		if (sendto(*(int *)socket, question, (size_t)got, 0, (struct sockaddr *)&from, length) != got)
			die("sendto");
	}
	return NULL;
}

/* One stream after the other; says at its end that all of it is here. */
static void take(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		ssize_t got;
		if (fd < 0)
			die("accept");
		while ((got = read(fd, chunk, sizeof chunk)) > 0)
			;
		if (got < 0)
			die("read");
		if (write(fd, "", 1) != 1)
			die("write");
		close(fd);
	}
}

static void serve(const char *port)
{
	int asked = bind_to(port, SOCK_DGRAM), streamed = bind_to(port, SOCK_STREAM);
	pthread_t thread;
	if (listen(streamed, 8))
		die("listen");
	stay_on_processor(1);
	if ((errno = pthread_create(&thread, NULL, answer, &asked)))
		die("pthread_create");
	puts("ready");
	fflush(stdout);
	take(streamed);
}

static void stream(const char *address, const char *port, double ms)
{
	int fd = connect_to(address, port, SOCK_STREAM);
	double sent = 0, start = now_us(), end = start + ms * 1e3;
	while (now_us() < end) {
		ssize_t wrote = write(fd, chunk, sizeof chunk);
		if (wrote < 0)
			die("write");
		sent += (double)wrote;
	}
	if (shutdown(fd, SHUT_WR))
		die("shutdown");
	if (read(fd, chunk, 1) != 1)
		die("the stream did not arrive whole");
	printf("%.3f\n", sent / (1 << 20) / ((now_us() - start) / 1e6));
}

static int ascending(const void *a, const void *b)
{
	double difference = *(const double *)a - *(const double *)b;
	return (difference > 0) - (difference < 0);
}

/* Nearest rank. */
static double percentile(const double *sorted, int count, int p)
{
	return sorted[(count * p + 99) / 100 - 1];
}

static void ask(const char *address, const char *port, int count)
{
	struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd = connect_to(address, port, SOCK_DGRAM);
	double *times = calloc((size_t)count, sizeof *times);
	if (times == NULL || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout))
		die("ask");
	for (int i = 0; i < count; i++) {
		double start = now_us();
		if (send(fd, chunk, QUESTION, 0) != QUESTION)
			die("send");
		if (recv(fd, chunk, QUESTION, 0) != QUESTION)
			die("no answer");
		times[i] = now_us() - start;
	}
	qsort(times, (size_t)count, sizeof *times, ascending);
	printf("%.3f %.3f\n", percentile(times, count, 50), percentile(times, count, 99));
}

/* Each from its first segment to the server's word that it has ended. What is left is reset: nothing waits for its port. */
static void open_many(const char *address, const char *port, int count)
{
	struct linger now = { .l_onoff = 1 };
	double *times = calloc((size_t)count, sizeof *times);
	if (times == NULL)
		die("open");
	for (int i = 0; i < count; i++) {
		double start = now_us();
		int fd = connect_to(address, port, SOCK_STREAM);
		if (shutdown(fd, SHUT_WR))
			die("shutdown");
		if (read(fd, chunk, 1) != 1)
			die("the connection did not end");
		times[i] = now_us() - start;
		if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) || close(fd))
			die("close");
	}
	qsort(times, (size_t)count, sizeof *times, ascending);
	printf("%.3f %.3f\n", percentile(times, count, 50), percentile(times, count, 99));
}

int main(int argc, char **argv)
{
	go_first();
	stay_on_processor(0);
	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(argv[2]);
	else if (argc == 5 && !strcmp(argv[1], "stream"))
		stream(argv[2], argv[3], atof(argv[4]));
	else if (argc == 5 && !strcmp(argv[1], "ask") && atoi(argv[4]) > 0)
		ask(argv[2], argv[3], atoi(argv[4]));
	else if (argc == 5 && !strcmp(argv[1], "open") && atoi(argv[4]) > 0)
		open_many(argv[2], argv[3], atoi(argv[4]));
	else {
		fprintf(stderr, "usage: datapath-peer serve PORT | stream ADDRESS PORT MS | ask|open ADDRESS PORT COUNT\n");
		return 2;
	}
	return 0;
}
