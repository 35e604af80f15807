/* SPDX-License-Identifier: MIT */
/*
 * Formats text into a buffer, and hands long text on in pieces. The command `hakmem` is built with
 * this file too. Uses no stdio and no locale, and allocates nothing.
 */
#include "base/base.h"

#include <string.h>

#define PIECE_MAX 320

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

/* Tenths of a unit of 2^shift bytes, rounded to the nearest; halfway between two, to the even
 * one. */
static uint64_t tenths_of(uint64_t bytes, unsigned shift)
{
    unsigned __int128 twentieths = (unsigned __int128)bytes * 20;
    uint64_t whole = (uint64_t)(twentieths >> shift);
    bool is_middle = whole % 2 == 1 && (unsigned __int128)whole << shift == twentieths;
    return is_middle ? whole / 2 + whole / 2 % 2 : (whole + 1) / 2;
}

struct short_text text_of_size(uint64_t bytes)
{
    static const char units[] = "KMGTPE";
    struct short_text text;
    unsigned step = 0;
    uint64_t tenths = tenths_of(bytes, 10);
    if (bytes < KIB) {
        text_format(text.bytes, sizeof(text.bytes), "%lu B", bytes);
        return text;
    }
    while (tenths >= 10240)
        tenths = tenths_of(bytes, 10 * (++step + 1));
    text_format(text.bytes, sizeof(text.bytes), "%lu.%lu %ciB", tenths / 10, tenths % 10,
                units[step]);
    return text;
}

/* ---- text handed on in pieces ---- */

void writer_flush(struct writer *writer)
{
    if (writer->used > 0)
        writer->put(writer->context, writer->buffer, writer->used);
    writer->used = 0;
}

void writer_add_text(struct writer *writer, const char *text, size_t length)
{
    if (writer->used + length > sizeof(writer->buffer))
        writer_flush(writer);
    memcpy(writer->buffer + writer->used, text, length);
    writer->used += length;
}

void writer_add(struct writer *writer, const char *format, ...)
{
    char piece[PIECE_MAX];
    va_list args;
    va_start(args, format);
    size_t length = text_format_args(piece, sizeof(piece), format, args);
    va_end(args);
    writer_add_text(writer, piece, length);
}

static const char *escape(char byte)
{
    switch (byte) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\t': return "\\t";
    default: return NULL;
    }
}

void writer_add_quoted(struct writer *writer, const char *text)
{
    bool is_printable;
    writer_add_text(writer, "\"", 1);
    for (size_t length; *text; text += length) {
        length = text_character(text, &is_printable);
        const char *other = escape(*text);
        if (other)
            writer_add(writer, "%s", other);
        else if (is_printable)
            writer_add_text(writer, text, length);
        else
            writer_add_text(writer, "?", 1);
    }
    writer_add_text(writer, "\"", 1);
}
