/*
 * Lets pass whatever a rule hands to userspace (NFQUEUE), at once and without looking: the least that a policy which is
 * decided about in userspace costs a connection's first packet.
 *
 *     first-packet QUEUE     says "ready", then serves until it is killed
 *
 * A request and its answer (linux/netfilter/nfnetlink_queue.h):
 *
 *     nlmsghdr | nfgenmsg: family, version, queue (big endian) | NFQA_PACKET_HDR: packet id, protocol, hook | ...
 *     nlmsghdr | nfgenmsg                                      | NFQA_VERDICT_HDR: verdict, packet id
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "first-packet: %s: %s\n", what, strerror(errno));
	exit(1);
}

struct message {
	struct nlmsghdr header;
	struct nfgenmsg family;
	struct nlattr attribute;
	char value[16];
};

/** One message with one attribute. */
static void tell(int fd, int type, int flags, int queue, int attribute, const void *value, size_t length)
{
	struct message message = {
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)) + NLA_ALIGN(NLA_HDRLEN + length),
			.nlmsg_type = NFNL_SUBSYS_QUEUE << 8 | type,
			.nlmsg_flags = NLM_F_REQUEST | flags,
		},
		.family = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(queue) },
		.attribute = { .nla_len = NLA_HDRLEN + length, .nla_type = attribute },
	};
	memcpy(message.value, value, length);
	if (send(fd, &message, message.header.nlmsg_len, 0) < 0)
		die("send");
}

/** As tell, and waits for the kernel's word that it did so. */
static void configure(int fd, int queue, int attribute, const void *value, size_t length)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[256];
	} answer;
	tell(fd, NFQNL_MSG_CONFIG, NLM_F_ACK, queue, attribute, value, length);
	if (recv(fd, &answer, sizeof answer, 0) < 0)
		die("recv");
	errno = -answer.error.error;
	if (errno != 0)
		die("configure");
}

static void answer(int fd, int queue, struct nlmsghdr *request)
{
	struct nfqnl_msg_packet_hdr packet;
	struct nlattr *attribute = (struct nlattr *)((char *)NLMSG_DATA(request) + NLMSG_ALIGN(sizeof(struct nfgenmsg)));
	char *end = (char *)request + request->nlmsg_len;
	for (; (char *)attribute < end; attribute = (struct nlattr *)((char *)attribute + NLA_ALIGN(attribute->nla_len))) {
		if (attribute->nla_type != NFQA_PACKET_HDR)
			continue;
		memcpy(&packet, (char *)attribute + NLA_HDRLEN, sizeof packet);
		struct nfqnl_msg_verdict_hdr verdict = { .verdict = htonl(NF_ACCEPT), .id = packet.packet_id };
		tell(fd, NFQNL_MSG_VERDICT, 0, queue, NFQA_VERDICT_HDR, &verdict, sizeof verdict);
		return;
	}
}

int main(int argc, char **argv)
{
	static char buffer[65536] __attribute__((aligned(8)));
	if (argc != 2) {
		fprintf(stderr, "first-packet QUEUE\n");
		return 2;
	}
	int queue = atoi(argv[1]);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct sockaddr_nl self = { .nl_family = AF_NETLINK };
	if (fd < 0 || bind(fd, (struct sockaddr *)&self, sizeof self))
		die("socket");
	struct nfqnl_msg_config_cmd command = { .command = NFQNL_CFG_CMD_BIND, .pf = htons(AF_INET) };
	struct nfqnl_msg_config_params params = { .copy_range = htonl(128), .copy_mode = NFQNL_COPY_PACKET };
	configure(fd, queue, NFQA_CFG_CMD, &command, sizeof command);
	configure(fd, queue, NFQA_CFG_PARAMS, &params, sizeof params);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		ssize_t length = recv(fd, buffer, sizeof buffer, 0);
		if (length < 0)
			die("recv");
		struct nlmsghdr *request = (struct nlmsghdr *)buffer;
		for (; NLMSG_OK(request, (size_t)length); request = NLMSG_NEXT(request, length))
			answer(fd, queue, request);
	}
}
