/* SPDX-License-Identifier: MIT */
/*
 * A file that a verb writes at its end.
 */
#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"

static int fail(const struct output *output, int status)
{
    return cli_fail(status, "%s: cannot write '%s': %s", output->command, output->path,
                    strerror(errno));
}

bool output_open(struct output *output)
{
    if (!output->path)
        return true;
    output->is_new = access(output->path, F_OK) != 0;
    int fd = open(output->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    output->file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!output->file)
        fail(output, EXIT_USAGE);
    return output->file;
}

FILE *output_begin(struct output *output)
{
    /* a pipe or device cannot be cut, and has nothing to lose */
    if (ftruncate(fileno(output->file), 0) != 0)
        errno = 0;
    return output->file;
}

int output_end(struct output *output, int status)
{
    if (!output->file)
        return status;
    bool is_good = fflush(output->file) == 0 && !ferror(output->file);
    if (fclose(output->file) != 0 || !is_good)
        status = fail(output, EXIT_FAILURE);
    output->file = NULL;
    return status;
}

void output_drop(struct output *output)
{
    if (!output->file)
        return;
    fclose(output->file);
    output->file = NULL;
    if (output->is_new)
        unlink(output->path);
}
