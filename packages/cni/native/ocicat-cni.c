/*
 * ocicat-cni: the CNI plugin as container runtimes execute it. A thin client of the agent: it copies its environment and its
 * standard input to the agent's Unix socket, and the agent's answer to its standard output. It decides nothing, so that
 * the price of a plugin call is one exec of a small program. src/thin/client.ts is its twin and must say the same.
 *
 *     client -> agent                         agent -> client
 *     +-------------------------------+       +----------------------------+
 *     | OCICAT-CNI/1 \n               |       | exit code, decimal         |
 *     +-------------------------------+       | one space                  |
 *     | KEY=VALUE \0                  |  xn   | length, decimal, then \n   |
 *     +-------------------------------+       +----------------------------+
 *     | \0                            |       | `length` bytes for stdout  |
 *     +-------------------------------+       +----------------------------+
 *     | standard input, to the end    |         end of stream
 *     +-------------------------------+
 *       half-close
 *
 * VERSION is answered here, agent or none. Without a whole answer the exit code is 1 and standard output holds an error
 * object of the CNI specification, code 11 ("try again later"), or 50 ("not available") for STATUS.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef OCICAT_SOCKET
#define OCICAT_SOCKET "/run/ocicat/cni.sock"
#endif
#ifndef OCICAT_IDENTITY
#define OCICAT_IDENTITY "ocicat-cni (not installed)"
#endif

#define MAGIC "OCICAT-CNI/1\n"
#define NEWEST_VERSION "1.1.0"
#define SUPPORTED_VERSIONS "\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""
#define DEFAULT_TIMEOUT_S 90

struct bytes {
  char *data;
  size_t length, capacity;
};

static const char *const PASSED_ON[] = {"CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"};

static struct bytes config; /* standard input, NUL-terminated */
static const char *socket_path;
static const char *command;
static long long deadline_ms; /* on the monotonic clock */
static int timeout_s = DEFAULT_TIMEOUT_S;

static _Noreturn void fail(int code, const char *stable_code, const char *message, const char *why, const char *fix);

static void reserve(struct bytes *buffer, size_t more) {
  if (buffer->capacity - buffer->length >= more) return;
  size_t capacity = (buffer->length + more) * 2;
  char *data = realloc(buffer->data, capacity);
  if (data == NULL) fail(5, "CNI_OUT_OF_MEMORY", "the plugin is out of memory", "realloc failed", "free some");
  buffer->data = data;
  buffer->capacity = capacity;
}

static void append(struct bytes *buffer, const char *data, size_t length) {
  reserve(buffer, length);
  memcpy(buffer->data + buffer->length, data, length);
  buffer->length += length;
}

static void append_text(struct bytes *buffer, const char *text) { append(buffer, text, strlen(text)); }

/* A JSON string's inside. Bytes above 127 pass: they are UTF-8 or were not text to begin with. */
static void print_escaped(const char *text) {
  for (; *text != '\0'; text++) {
    if (*text == '"' || *text == '\\') printf("\\%c", *text);
    else if ((unsigned char)*text < 0x20) printf("\\u%04x", (unsigned)*text);
    else putchar(*text);
  }
}

static _Noreturn void finish(int exit_code) { _exit(fflush(stdout) == 0 ? exit_code : 1); }

/* The configuration's own cniVersion, which answers carry. The first one found is the top level's in all but odd orders of keys. */
static void print_version(void) {
  static const char key[] = "\"cniVersion\"", digits[] = "0123456789.";
  const char *at = config.length == 0 ? NULL : memmem(config.data, config.length, key, strlen(key));
  size_t length = 0;
  if (at != NULL) {
    at += strlen(key);
    at += strspn(at, " \t\r\n:");
    if (*at == '"') length = strspn(++at, digits);
    if (at[length] != '"' || length > 15) length = 0;
  }
  printf("{\"cniVersion\":\"%.*s\",", length > 0 ? (int)length : (int)strlen(NEWEST_VERSION), length > 0 ? at : NEWEST_VERSION);
}

static _Noreturn void fail(int code, const char *stable_code, const char *message, const char *why, const char *fix) {
  print_version();
  printf("\"code\":%d,\"msg\":\"", code);
  print_escaped(message);
  printf("\",\"details\":\"");
  print_escaped(why);
  printf("; %s [%s]\"}\n", fix, stable_code);
  finish(1);
}

static _Noreturn __attribute__((format(printf, 1, 2))) void no_agent(const char *format, ...) {
  char why[128], message[256];
  va_list values;
  va_start(values, format);
  vsnprintf(why, sizeof why, format, values);
  va_end(values);
  snprintf(message, sizeof message, "no answer from the Ocicat agent on %s", socket_path);
  int code = strcmp(command, "STATUS") == 0 ? 50 : 11;
  fail(code, "CNI_NO_AGENT", message, why, "see that the agent runs on this node, and its log");
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void wait_for(int fd, short events) {
  for (;;) {
    long long left = deadline_ms - now_ms();
    struct pollfd wanted = {.fd = fd, .events = events};
    int ready = left <= 0 ? 0 : poll(&wanted, 1, (int)left);
    if (ready > 0) return;
    if (ready == 0) no_agent("it did not answer within %d s", timeout_s);
    if (errno != EINTR) no_agent("poll: error %d", errno);
  }
}

static void read_config(void) {
  for (;;) {
    reserve(&config, 65536);
    ssize_t count = read(STDIN_FILENO, config.data + config.length, 65535);
    if (count < 0 && errno == EAGAIN) poll(&(struct pollfd){.fd = STDIN_FILENO, .events = POLLIN}, 1, -1);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    config.length += count > 0 ? (size_t)count : 0;
    config.data[config.length] = '\0';
    if (count <= 0) return; /* a closed standard input is an empty one: the agent says what is missing */
  }
}

static int connect_agent(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(socket_path) >= sizeof address.sun_path) no_agent("the path is too long for a socket");
  strcpy(address.sun_path, socket_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) no_agent("socket: error %d", errno);
  while (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    if (errno == ENOENT) no_agent("there is no such socket");
    if (errno == ECONNREFUSED) no_agent("nobody listens on it");
    if (errno == EACCES) no_agent("permission denied: the plugin runs as root");
    if (errno != EAGAIN && errno != EINTR) no_agent("connect: error %d", errno);
    if (now_ms() >= deadline_ms) no_agent("it did not answer within %d s", timeout_s);
    nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL); /* its queue of connections is full */
  }
  return fd;
}

static void send_request(int fd, const char *plugin) {
  struct bytes request = {0};
  append_text(&request, MAGIC "OCICAT_PLUGIN=");
  append(&request, plugin, strlen(plugin) + 1);
  for (size_t i = 0; i < sizeof PASSED_ON / sizeof *PASSED_ON; i++) {
    const char *value = getenv(PASSED_ON[i]);
    if (value == NULL) continue;
    append_text(&request, PASSED_ON[i]);
    append_text(&request, "=");
    append(&request, value, strlen(value) + 1);
  }
  append(&request, "", 1);
  append(&request, config.data, config.length);
  for (size_t done = 0; done < request.length;) {
    wait_for(fd, POLLOUT);
    ssize_t count = send(fd, request.data + done, request.length - done, MSG_NOSIGNAL);
    if (count > 0) done += (size_t)count;
    else if (errno != EAGAIN && errno != EINTR) break; /* the agent may have answered already: read it */
  }
  shutdown(fd, SHUT_WR);
}

static struct bytes receive_answer(int fd) {
  struct bytes answer = {0};
  for (;;) {
    wait_for(fd, POLLIN);
    reserve(&answer, 65536);
    ssize_t count = recv(fd, answer.data + answer.length, 65535, 0);
    if (count == 0) break;
    if (count > 0) answer.length += (size_t)count;
    else if (errno != EAGAIN && errno != EINTR) break;
  }
  answer.data[answer.length] = '\0';
  return answer;
}

/* Prints the answer's body and ends with its exit code, if all of it is there. */
static _Noreturn void deliver(const struct bytes *answer) {
  char *end = answer->data;
  long exit_code = strtol(end, &end, 10);
  unsigned long length = *end == ' ' ? strtoul(end + 1, &end, 10) : 0;
  bool headed = *end == '\n' && exit_code >= 0 && exit_code <= 255;
  if (!headed || length != answer->length - (size_t)(end + 1 - answer->data)) no_agent("it went away before it had answered");
  fwrite(end + 1, 1, length, stdout);
  finish((int)exit_code);
}

int main(int argc, char **argv) {
  if (argc > 1 && (strcmp(argv[1], "-v") == 0 || strcmp(argv[1], "--version") == 0)) return puts(OCICAT_IDENTITY) < 0;
  const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
  const char *plugin = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
  const char *path = getenv("OCICAT_CNI_SOCKET"), *seconds = getenv("OCICAT_CNI_TIMEOUT");
  command = getenv("CNI_COMMAND");
  socket_path = path != NULL && *path != '\0' ? path : OCICAT_SOCKET;
  if (seconds != NULL && atoi(seconds) > 0 && atoi(seconds) <= 3600) timeout_s = atoi(seconds);
  if (command == NULL || *command == '\0')
    fail(4, "CNI_INVALID_ENVIRONMENT", "CNI_COMMAND is missing", "this is a CNI plugin, which container runtimes call",
         "set CNI_COMMAND to ADD, DEL, CHECK, STATUS, GC or VERSION");
  bool version = strcmp(command, "VERSION") == 0;
  if (!version || !isatty(STDIN_FILENO)) read_config();
  if (version) {
    print_version();
    puts("\"supportedVersions\":[" SUPPORTED_VERSIONS "]}");
    finish(0);
  }
  deadline_ms = now_ms() + timeout_s * 1000LL;
  int fd = connect_agent();
  send_request(fd, plugin);
  struct bytes answer = receive_answer(fd);
  deliver(&answer);
}
