/* SPDX-License-Identifier: MIT */
/*
 * Programs in which what the library writes at exit, or of a misuse, could do harm: WHAT FILE
 *   opened    FILE was opened as descriptor 2, which is closed
 *   socket    descriptor 2 is one end of a socket pair; nothing may arrive
 *   pipe      descriptor 2 is a pipe that nobody reads
 *   limit     files may not grow beyond 0 bytes
 *   misuse    as opened, then a pointer is freed that is none
 *   blocked   as pipe, with SIGPIPE blocked and pending since before
 * Status 0 when the program ends as it would without the library.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_as_2(const char *path)
{
    close(STDERR_FILENO);
    return open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
}

static void take_broken_pipe(void)
{
    int ends[2];
    if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        _exit(3);
    close(ends[0]);
    close(ends[1]);
}

static int peer = -1;

static void take_socket(void)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
        _exit(3);
    close(ends[1]);
    peer = ends[0];
}

/* After the library's destructor: it is the first library to be set up. */
__attribute__((destructor)) static void nothing(void) {}

static void block_pending(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigprocmask(SIG_BLOCK, &set, NULL);
    raise(SIGPIPE);
    take_broken_pipe();
    for (int i = 0; i < 4; i++) {
        free(malloc(100000000)); /* a slow path: HAKMEM_STATS=interval writes */
        usleep(150000);
    }
    sigpending(&set);
    _exit(sigismember(&set, SIGPIPE) ? 0 : 5);
}

int main(int count, char **arguments)
{
    const char *what = count > 1 ? arguments[1] : "";
    const char *path = count > 2 ? arguments[2] : "/dev/null";
    const struct rlimit none = {0, 0};
    free(malloc(100));
    if (strcmp(what, "opened") == 0 || strcmp(what, "misuse") == 0) {
        if (open_as_2(path) != STDERR_FILENO)
            return 3;
        if (what[0] == 'm')
            free((char *)&none + 16 * (count - 2));
    } else if (strcmp(what, "socket") == 0) {
        take_socket();
        if (fork() == 0)
            exit(0); /* writes its statistics, if it may */
        usleep(300000);
        char byte;
        return recv(peer, &byte, 1, MSG_DONTWAIT) == 1 ? 4 : 0;
    } else if (strcmp(what, "pipe") == 0) {
        take_broken_pipe();
    } else if (strcmp(what, "limit") == 0) {
        setrlimit(RLIMIT_FSIZE, &none);
    } else if (strcmp(what, "blocked") == 0) {
        block_pending();
    }
    return 0;
}
