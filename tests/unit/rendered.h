/* SPDX-License-Identifier: MIT */
/*
 * What tests of written figures share: a writer that keeps what it is given, and a full snapshot.
 */
#ifndef HAK_UNIT_RENDERED_H
#define HAK_UNIT_RENDERED_H

#include "unit/unit.h"

#include "diag/diag.h"

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

/* A snapshot in which every figure is another one, as large as can be. */
static inline struct snapshot *full_snapshot(void)
{
    static struct snapshot snapshot = {.peak_bytes = UINT64_MAX - 100001};
    uint64_t value = UINT64_MAX - 100000;
    uint64_t *words = (uint64_t *)&snapshot.stats;
    for (size_t i = 0; i < sizeof(snapshot.stats) / 8; i++)
        words[i] = value++;
    for (unsigned i = CLASS_FIRST; i <= CLASS_ACE_LAST; i++)
        snapshot.classes[i] = (struct class_figures){size_classes[i].size,
                                                     value - i,
                                                     value + i,
                                                     1000 + i,
                                                     100 + i,
                                                     2000 + i,
                                                     {value + 200 + i, value + 400 + i}};
    return &snapshot;
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
