/* SPDX-License-Identifier: MIT */
/*
 * `hakmem serve`: answers HTTP requests about all processes of the machine. This file has its
 * options and the socket on which it listens.
 */
#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arguments.h"
#include "base/message.h"
#include "base/text.h"
#include "serve/guard.h"
#include "serve/server.h"
#include "serve/verbs.h"

#define COMMAND "hakmem serve"
#define ADDRESS_DEFAULT "127.0.0.1:9475"
#define BACKLOG 256

#define KEY_LISTEN CLI_KEY(1)
#define KEY_TOKEN CLI_KEY(2)
#define KEY_INSECURE CLI_KEY(3)

struct serve_input {
    const char *address;
    const char *token_file;
    bool is_insecure;
};

/* Purpose: an address of either kind. */
union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* ---- the address ---- */

static bool take_host(union address *address, const char *host)
{
    *address = (union address){.six = {.sin6_family = AF_INET6}};
    size_t length = strlen(host);
    if (host[0] == '[' && host[length - 1] == ']') {
        char inside[64];
        snprintf(inside, sizeof inside, "%.*s", (int)length - 2, host + 1);
        return inet_pton(AF_INET6, inside, &address->six.sin6_addr) == 1;
    }
    *address = (union address){.four = {.sin_family = AF_INET}};
    return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                     &address->four.sin_addr) == 1;
}

/* HOST:PORT; the last colon is before the port. */
static bool take_address(union address *address, const char *text)
{
    char host[64];
    uint64_t port;
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || (size_t)(colon - text) >= sizeof host ||
        !text_to_number(colon + 1, &port) || port > UINT16_MAX)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    if (!take_host(address, host))
        return false;
    *(address->any.sa_family == AF_INET ? &address->four.sin_port
                                        : &address->six.sin6_port) = htons((uint16_t)port);
    return true;
}

static bool is_loopback(const union address *address)
{
    return address->any.sa_family == AF_INET
               ? ntohl(address->four.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
               : IN6_IS_ADDR_LOOPBACK(&address->six.sin6_addr);
}

/* The address without its port, as it stands in a URL. */
static void print_host(const union address *address, char *text, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "";
    bool is_four = address->any.sa_family == AF_INET;
    const void *number = is_four ? (const void *)&address->four.sin_addr
                                 : (const void *)&address->six.sin6_addr;
    inet_ntop(address->any.sa_family, number, host, sizeof host);
    snprintf(text, size, is_four ? "%s" : "[%s]", host);
}

static unsigned port_of(const union address *address)
{
    return ntohs(address->any.sa_family == AF_INET ? address->four.sin_port
                                                   : address->six.sin6_port);
}

/* ---- listening ---- */

/* Make a socket that listens, and set the port in `address`. -1: see errno. */
static int listen_on(union address *address)
{
    const int on = 1;
    socklen_t size = address->any.sa_family == AF_INET ? sizeof address->four : sizeof address->six;
    int file = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (file < 0)
        return -1;
    /* also if the last server on this port has just ended */
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->any.sa_family == AF_INET6)
        setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(file, &address->any, size) == 0 && listen(file, BACKLOG) == 0 &&
        getsockname(file, &address->any, &size) == 0)
        return file;
    int error = errno;
    close(file);
    errno = error;
    return -1;
}

static int serve(const struct serve_input *input)
{
    union address address;
    struct guard guard = {.token = ""};
    if (!take_address(&address, input->address))
        return cli_fail(EXIT_USAGE,
                        COMMAND ": '%.60s' is not an address and a port, as " ADDRESS_DEFAULT
                                " or [::1]:9475",
                        input->address);
    print_host(&address, guard.host, sizeof guard.host);
    guard.is_local = is_loopback(&address);
    if (input->token_file && !guard_read_token(&guard, input->token_file))
        return EXIT_USAGE;
    if (!guard.is_local && !input->token_file && !input->is_insecure)
        return cli_fail(EXIT_USAGE,
                        COMMAND ": other machines can reach %s: it needs a --token-file, or "
                                "--insecure to let them all read",
                        guard.host);
    int listening = listen_on(&address);
    if (listening < 0)
        return cli_fail(EXIT_FAILURE, COMMAND ": cannot listen on %s: %s", input->address,
                        strerror(errno));
    if (guard.is_local && !guard.token[0] && geteuid() == 0)
        cli_say(COMMAND ": all users of this machine can ask, and it reads what root may read: "
                        "--token-file keeps them out");
    printf(COMMAND ": listening on http://%s:%u/\n", guard.host, port_of(&address));
    if (cli_end_output(EXIT_SUCCESS) != EXIT_SUCCESS)
        return EXIT_FAILURE;
    return server_run(listening, &guard);
}

/* ---- the verb ---- */

static error_t parse_serve(int key, char *argument, struct argp_state *state)
{
    struct serve_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_LISTEN: input->address = argument; return 0;
    case KEY_TOKEN: input->token_file = argument; return 0;
    case KEY_INSECURE: input->is_insecure = true; return 0;
    case ARGP_KEY_ARG:
        exit(cli_fail(EXIT_USAGE, COMMAND ": '%.60s' is one word too many", argument));
    default: return ARGP_ERR_UNKNOWN;
    }
}

int serve_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"listen", KEY_LISTEN, "ADDRESS:PORT", 0, "listen there (" ADDRESS_DEFAULT ")", 0},
        {"token-file", KEY_TOKEN, "FILE", 0, "answer only requests with the token in it", 0},
        {"insecure", KEY_INSECURE, NULL, 0, "let other machines read without a token", 0},
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_serve,
        .doc = "Answer HTTP requests about all processes of the machine that run on HAKMEM and may "
               "be read: /metrics for Prometheus, /debug/pprof/heap and /debug/pprof/allocs for "
               "pprof, Pyroscope and Parca, /pprof/heap for google-pprof, /processes (JSON), and "
               "a live page at /. Processes are read from outside; nothing is changed in them.",
    };
    struct serve_input input = {.address = ADDRESS_DEFAULT};
    cli_parse(&argp, argc, argv, &input);
    return serve(&input);
}
