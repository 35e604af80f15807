/* SPDX-License-Identifier: MIT */
/*
 * Reads files that a target names, and that its owner may change meanwhile. Opens regular files
 * only, and reads them with pread. May never map a file: so a file that is cut short is an error
 * and not a signal.
 */
#include "heap/plain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int plain_file_open(const char *path, struct stat *status)
{
    char name[64];
    /* first a look without opening: to open a device can have effects */
    int place = open(path, O_PATH | O_CLOEXEC);
    if (place < 0)
        return -1;
    int file = -1;
    int error = EINVAL;
    if (fstat(place, status) == 0 && S_ISREG(status->st_mode)) {
        snprintf(name, sizeof name, "/proc/self/fd/%d", place);
        file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        error = errno;
    }
    close(place);
    errno = error;
    return file;
}

bool plain_file_read(int file, uint64_t offset, void *into, size_t size)
{
    char *to = into;
    while (size > 0) {
        ssize_t got = pread(file, to, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        to += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}
