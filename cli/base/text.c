/* SPDX-License-Identifier: MIT */
/*
 * Figures as text, in the same form for every verb.
 */
#include "base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct short_text text_of_percent(double part, double whole)
{
    struct short_text text = {"-"};
    if (whole > 0)
        snprintf(text.bytes, sizeof text.bytes, "%.1f %%", 100 * part / whole);
    return text;
}

bool text_to_number(const char *text, uint64_t *number)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return errno != ERANGE;
}

#define SECONDS_MOST (7 * 24 * 3600.0)

bool text_to_seconds(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"", 1}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    char *end = NULL;
    /* strtod would accept signs, spaces, hexadecimals and words */
    double number = strspn(text, "0123456789") > 0 ? strtod(text, &end) : -1;
    if (text[0] == '0' && (text[1] | 32) == 'x')
        number = -1;
    for (size_t i = 0; number >= 0 && i < sizeof units / sizeof units[0]; i++) {
        *seconds = number * units[i].seconds;
        if (strcmp(end, units[i].unit) == 0 && *seconds >= 1e-3 && *seconds <= SECONDS_MOST)
            return true;
    }
    return false;
}

static void put_in_file(void *file, const char *text, size_t length)
{
    fwrite(text, 1, length, file);
}

struct writer writer_of(FILE *out)
{
    return (struct writer){.put = put_in_file, .context = out};
}

void json_text(FILE *out, const char *text)
{
    struct writer writer = writer_of(out);
    writer_add_quoted(&writer, text);
    writer_flush(&writer);
}
