/*
 * Executes a CNI plugin many times, several at once, and prints how long each took, from before exec to after exit.
 *
 *     cni-driver PLUGIN COMMAND PREFIX COUNT AT_ONCE <CONFIGURATION
 *
 * Prints one line a call, in milliseconds, and last the whole. It starts processes as container runtimes do (vfork and
 * exec), so that what is measured is the plugin and not the copying of a large parent's page tables.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CONF_MAX = 65536, OUT_MAX = 65536 };

static char conf[CONF_MAX];
static size_t conf_length;
static const char *plugin, *command, *prefix;
static int count;
static atomic_int next_call;
static double *times;

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static void die(const char *what)
{
	fprintf(stderr, "cni-driver: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Descriptors are close-on-exec from their birth: other threads spawn at the same time. */
static void call(int number)
{
	char id[64], command_env[32], id_env[96], netns_env[128], args_env[160];
	snprintf(id, sizeof id, "%s%d", prefix, number);
	snprintf(command_env, sizeof command_env, "CNI_COMMAND=%s", command);
	snprintf(id_env, sizeof id_env, "CNI_CONTAINERID=%s", id);
	snprintf(netns_env, sizeof netns_env, "CNI_NETNS=/run/netns/%s", id);
	snprintf(args_env, sizeof args_env, "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=bench;K8S_POD_NAME=%s", id);
	char path_env[] = "CNI_PATH=/opt/cni/bin:/usr/lib/cni", ifname_env[] = "CNI_IFNAME=eth0";
	char bin_env[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char *env[] = { command_env, id_env, netns_env, args_env, path_env, ifname_env, bin_env, NULL };
	char *argv[] = { (char *)plugin, NULL };
	int in[2], out[2], status;
	pid_t pid;
	posix_spawn_file_actions_t actions;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		die("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	double start = now_ms();
	errno = posix_spawn(&pid, plugin, &actions, NULL, argv, env);
	if (errno)
		die(plugin);
	close(in[0]);
	close(out[1]);
	if (write(in[1], conf, conf_length) != (ssize_t)conf_length)
		die("write");
	close(in[1]);
	char output[OUT_MAX];
	size_t length = 0;
	for (ssize_t got; (got = read(out[0], output + length, sizeof output - 1 - length)) > 0;)
		length += (size_t)got;
	output[length] = 0;
	close(out[0]);
	if (waitpid(pid, &status, 0) < 0)
		die("waitpid");
	times[number] = now_ms() - start;
	posix_spawn_file_actions_destroy(&actions);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "cni-driver: %s %s %s failed: %s\n", plugin, command, id, output);
		exit(1);
	}
}

static void *work(void *unused)
{
	(void)unused;
	for (int number; (number = atomic_fetch_add(&next_call, 1)) < count;)
		call(number);
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fprintf(stderr, "usage: cni-driver PLUGIN COMMAND PREFIX COUNT AT_ONCE <CONFIGURATION\n");
		return 2;
	}
	plugin = argv[1];
	command = argv[2];
	prefix = argv[3];
	count = atoi(argv[4]);
	int at_once = atoi(argv[5]);
	conf_length = fread(conf, 1, sizeof conf, stdin);
	times = calloc((size_t)count, sizeof *times);
	pthread_t *threads = calloc((size_t)at_once, sizeof *threads);
	if (times == NULL || threads == NULL)
		die("calloc");
	double start = now_ms();
	for (int i = 0; i < at_once; i++)
		if ((errno = pthread_create(&threads[i], NULL, work, NULL)))
			die("pthread_create");
	for (int i = 0; i < at_once; i++)
		pthread_join(threads[i], NULL);
	double whole = now_ms() - start;
	for (int i = 0; i < count; i++)
		printf("%.4f\n", times[i]);
	printf("%.4f\n", whole);
	return 0;
}
