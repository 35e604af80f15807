/* SPDX-License-Identifier: MIT */
/*
 * Messages of one line on standard error, and steps that end the command with one if they fail.
 */
#include "base/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void say(const char *format, va_list arguments)
{
    char line[1024];
    vsnprintf(line, sizeof line, format, arguments);
    text_make_printable(line);
    fprintf(stderr, "%s\n", line);
}

int cli_fail(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
    return status;
}

void cli_say(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(format, arguments);
    va_end(arguments);
}

int cli_end_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return cli_fail(EXIT_FAILURE, "hakmem: cannot write to standard output: %s", strerror(errno));
}

void cli_export(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0)
        exit(cli_fail(EXIT_INTERNAL, "hakmem: cannot set %s: %s", name, strerror(errno)));
}
