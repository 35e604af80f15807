/* SPDX-License-Identifier: MIT */
/*
 * A writer that keeps the text it is given, for tests of code that writes.
 */
#ifndef HAK_UNIT_WRITTEN_H
#define HAK_UNIT_WRITTEN_H

#include "unit/unit.h"

/* Purpose: what a writer handed on. */
static struct {
    char text[65536];
    size_t length;
    unsigned pieces;
} got;

static inline void keep(void *context, const char *text, size_t length)
{
    CHECK(context == &got);
    CHECK(length > 0 && length <= sizeof(((struct writer *)0)->buffer));
    CHECK(got.length + length < sizeof(got.text));
    memcpy(got.text + got.length, text, length);
    got.length += length;
    got.text[got.length] = '\0';
    got.pieces++;
}

static inline struct writer new_writer(void)
{
    memset(&got, 0, sizeof(got));
    return (struct writer){.put = keep, .context = &got};
}

static inline void check_has(const char *format, ...)
{
    char wanted[256];
    va_list args;
    va_start(args, format);
    vsnprintf(wanted, sizeof(wanted), format, args);
    va_end(args);
    if (!strstr(got.text, wanted))
        fprintf(stderr, "\"%s\" is not in: %.3000s\n", wanted, got.text);
    CHECK(strstr(got.text, wanted) != NULL);
}

#endif
