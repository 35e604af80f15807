/* SPDX-License-Identifier: MIT */
/*
 * Which characters of text from outside may be shown: a name or an argument can hold any byte, and
 * a terminal or a page obeys some. Uses no libc, no memory.
 */
#include "base/base.h"

/* The length of the UTF-8 character; 0 when the bytes are no valid character. */
static size_t utf8_length(const unsigned char *byte)
{
    size_t length = byte[0] < 0x80   ? 1
                    : byte[0] < 0xc2 ? 0
                    : byte[0] < 0xe0 ? 2
                    : byte[0] < 0xf0 ? 3
                    : byte[0] < 0xf5 ? 4
                                     : 0;
    for (size_t i = 1; i < length; i++)
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    /* surrogates, overlong forms, and numbers above 0x10ffff */
    bool is_bad = (byte[0] == 0xe0 && byte[1] < 0xa0) || (byte[0] == 0xed && byte[1] >= 0xa0) ||
                  (byte[0] == 0xf0 && byte[1] < 0x90) || (byte[0] == 0xf4 && byte[1] >= 0x90);
    return is_bad ? 0 : length;
}

/* The code point of a character of one to three bytes. No longer character is a control
 * character. */
static uint32_t code_of(const unsigned char *byte, size_t length)
{
    if (length == 1)
        return byte[0];
    if (length == 2)
        return (byte[0] & 0x1fu) << 6 | (byte[1] & 0x3fu);
    return (byte[0] & 0x0fu) << 12 | (byte[1] & 0x3fu) << 6 | (byte[2] & 0x3fu);
}

/* C0 and C1 controls, line and paragraph separators, and characters that change the direction of
 * text. */
static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x061c || code == 0x200e ||
           code == 0x200f || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

size_t text_character(const char *text, bool *is_printable)
{
    const unsigned char *byte = (const unsigned char *)text;
    size_t length = utf8_length(byte);
    *is_printable = length == 4 || (length > 0 && !is_control(code_of(byte, length)));
    return length ? length : 1;
}

size_t text_make_printable(char *text)
{
    char *to = text;
    bool is_printable;
    for (const char *from = text; *from;) {
        size_t length = text_character(from, &is_printable);
        if (!is_printable)
            *to++ = '?';
        for (size_t i = 0; is_printable && i < length; i++)
            *to++ = from[i];
        from += length;
    }
    *to = '\0';
    return (size_t)(to - text);
}
