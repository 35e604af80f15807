/* SPDX-License-Identifier: MIT */
/*
 * Messages: formatted into a stack buffer and written with one write, so that lines of several
 * threads never mix. Owns the only abort() of the allocator. Uses no stdio, no locale, no memory.
 */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct text {
    char *at;
    char *end;
};

static void put_char(struct text *text, char c)
{
    if (text->at < text->end)
        *text->at++ = c;
}

static void put_string(struct text *text, const char *string)
{
    for (; *string; string++)
        put_char(text, *string);
}

static void put_number(struct text *text, uint64_t value, unsigned base)
{
    char digits[20];
    unsigned count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (count)
        put_char(text, digits[--count]);
}

static void put_signed(struct text *text, long value)
{
    if (value < 0)
        put_char(text, '-');
    put_number(text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
}

static void put_pointer(struct text *text, const void *pointer)
{
    put_string(text, "0x");
    put_number(text, (uintptr_t)pointer, 16);
}

static void put_format(struct text *text, const char *format, va_list args)
{
    for (; *format; format++) {
        if (*format != '%') {
            put_char(text, *format);
            continue;
        }
        format++;
        bool is_long = *format == 'l' || *format == 'z';
        if (is_long)
            format++;
        switch (*format) {
        case 's': put_string(text, va_arg(args, const char *)); break;
        case 'c': put_char(text, (char)va_arg(args, int)); break;
        case 'p': put_pointer(text, va_arg(args, void *)); break;
        case 'd': put_signed(text, is_long ? va_arg(args, long) : va_arg(args, int)); break;
        case 'u':
            put_number(text, is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned), 10);
            break;
        default: put_char(text, *format); break;
        }
    }
}

size_t text_format_args(char *buffer, size_t size, const char *format, va_list args)
{
    if (size == 0)
        return 0;
    struct text text = {buffer, buffer + size - 1};
    put_format(&text, format, args);
    *text.at = '\0';
    return (size_t)(text.at - buffer);
}

size_t text_format(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t length = text_format_args(buffer, size, format, args);
    va_end(args);
    return length;
}

/* A filter may end the program for getpid: then the number is left out. */
static void put_prefix(struct text *text)
{
    put_string(text, "hakmem: [");
    if (write_is_filtered && write_is_filtered())
        put_char(text, '?');
    else
        put_number(text, (uint64_t)getpid(), 10);
    put_string(text, "] ");
}

enum line { LINE_PLAIN, LINE_PREFIXED, LINE_FATAL };

static void write_line(enum line kind, const char *format, va_list args)
{
    char buffer[LOG_LINE_MAX];
    struct text text = {buffer, buffer + sizeof(buffer) - 1};
    int saved = errno;
    if (!write_may_use_stderr(kind == LINE_FATAL))
        return;
    if (kind != LINE_PLAIN)
        put_prefix(&text);
    put_format(&text, format, args);
    *text.at = '\0';
    size_t length = text_make_printable(buffer);
    buffer[length++] = '\n';
    /* nothing can be done where standard error is closed or full */
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
