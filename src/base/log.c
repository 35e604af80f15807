/* SPDX-License-Identifier: MIT */
/*
 * Messages: each is formatted in a buffer on the stack and written with one write, so that lines of
 * several threads never mix. Owns the only abort() of the allocator. Uses no stdio and no locale,
 * and allocates nothing.
 */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* A filter may end the program when it calls getpid: the number is left out then. */
static size_t put_prefix(char *buffer, size_t size)
{
    if (write_is_filtered && write_is_filtered())
        return text_format(buffer, size, "hakmem: [?] ");
    return text_format(buffer, size, "hakmem: [%d] ", (int)getpid());
}

enum line { LINE_PLAIN, LINE_PREFIXED, LINE_FATAL };

static void write_line(enum line kind, const char *format, va_list args)
{
    char buffer[LOG_LINE_MAX];
    int saved = errno;
    if (!write_may_use_stderr(kind == LINE_FATAL))
        return;
    size_t length = kind == LINE_PLAIN ? 0 : put_prefix(buffer, sizeof(buffer));
    text_format_args(buffer + length, sizeof(buffer) - length, format, args);
    length = text_make_printable(buffer);
    buffer[length++] = '\n';
    /* a failure is ignored: standard error may be closed or full */
    write_quietly(STDERR_FILENO, buffer, length);
    errno = saved;
}

void log_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(LINE_PREFIXED, format, args);
    va_end(args);
}

void log_plain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(LINE_PLAIN, format, args);
    va_end(args);
}

noinline_cold void log_abort(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    write_line(LINE_FATAL, format, args);
    va_end(args);
    abort();
}
