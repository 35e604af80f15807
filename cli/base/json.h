/* SPDX-License-Identifier: MIT */
/*
 * Reads JSON text that may be anything. What it says is told value by value, so that nothing has to
 * be kept but what the caller wants.
 */
#ifndef HAK_CLI_JSON_H
#define HAK_CLI_JSON_H

#include <stdbool.h>
#include <stddef.h>

enum json_kind { JSON_NUMBER, JSON_STRING, JSON_WORD /* true, false, null */ };

struct json_value {
    const char *path; /* "lanes.2.live_bytes"; cut where it is very long */
    enum json_kind kind;
    const char *text; /* as it was written; of a string, without its quotes */
    size_t length;
};

enum json_end {
    JSON_GOOD,
    JSON_CUT, /* the text ends before its value does */
    JSON_BAD
};

/* Call `visit` for each value in the order of the text, which need not end with a zero byte. */
enum json_end json_read(const char *text, size_t size,
                        void (*visit)(void *context, const struct json_value *value),
                        void *context);

#endif
