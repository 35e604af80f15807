/* SPDX-License-Identifier: MIT */
/*
 * Lets another process look at this one before it ends: this process connects to the other's socket
 * and waits until the connection is closed. It may never wait longer than the given time.
 */
#include "os/os.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* System calls directly: libc's recv() and connect() are cancellation points. */
static void wait_for_end(int fd)
{
    char byte;
    while (syscall(SYS_recvfrom, fd, &byte, (size_t)1, 0, NULL, NULL) < 0 && errno == EINTR)
        ;
}

static void visit(const struct sockaddr_un *address, unsigned seconds_most)
{
    /* the time applies to each call: connect waits while the queue is full */
    const struct timeval most = {.tv_sec = (time_t)seconds_most};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)) == 0 &&
        syscall(SYS_connect, fd, address, sizeof(*address)) == 0)
        wait_for_end(fd);
    close(fd);
}

void os_visit(const char *path, unsigned seconds_most)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);
    if (length >= sizeof(address.sun_path) || os_is_made_to_fail(OS_CALL_VISIT) || !os_call_begin())
        return;
    memcpy(address.sun_path, path, length);
    visit(&address, seconds_most);
    os_call_end();
}
