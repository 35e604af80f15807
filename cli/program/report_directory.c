/* SPDX-License-Identifier: MIT */
/*
 * Makes and removes the private directory for reports, and opens the door in it.
 */
#include "program/report_directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base.h"
#include "base/message.h"

void report_directory_make(const char *command, char path[PATH_MAX])
{
    const char *parent = getenv("TMPDIR");
    char absolute[PATH_MAX];
    if (!parent || !realpath(parent, absolute))
        strcpy(absolute, "/tmp");
    int length = snprintf(path, PATH_MAX, "%s/hakmem.XXXXXX", absolute);
    if (length >= PATH_MAX || !mkdtemp(path))
        exit(cli_fail(EXIT_INTERNAL, "%s: cannot make a directory in %s: %s", command, absolute,
                      strerror(errno)));
}

void report_directory_remove(const char *path)
{
    DIR *listing = opendir(path);
    if (listing) {
        for (struct dirent *entry; (entry = readdir(listing));)
            unlinkat(dirfd(listing), entry->d_name, 0);
        closedir(listing);
    }
    rmdir(path);
}

int door_open(const char *directory)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/" REPORT_SOCKET_NAME,
                          directory);
    int door = length < (int)sizeof address.sun_path
                   ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
                   : -1;
    if (door >= 0 && bind(door, (const struct sockaddr *)&address, sizeof address) == 0 &&
        listen(door, SOMAXCONN) == 0)
        return door;
    if (door >= 0)
        close(door);
    return -1;
}

int door_accept(int door, pid_t *pid)
{
    struct ucred who;
    socklen_t size = sizeof who;
    int visitor = accept4(door, NULL, NULL, SOCK_CLOEXEC);
    if (visitor < 0)
        return -1;
    if (getsockopt(visitor, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.pid > 0) {
        *pid = who.pid;
        return visitor;
    }
    close(visitor);
    return -1;
}
