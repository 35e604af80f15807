/* SPDX-License-Identifier: MIT */
/*
 * An answer to a request: its status, its type of content, and its text.
 */
#ifndef HAK_CLI_ANSWER_H
#define HAK_CLI_ANSWER_H

#include <stddef.h>
#include <stdio.h>

enum content {
    CONTENT_TEXT,
    CONTENT_METRICS,     /* the text format of Prometheus */
    CONTENT_OPENMETRICS, /* OpenMetrics 1.0 */
    CONTENT_JSON,
    CONTENT_HTML,   /* a page of the server's own */
    CONTENT_REPORT, /* a page about a process, with its scripts in it */
    CONTENT_PPROF,
    CONTENT_SCRIPT,
    CONTENT_STYLE,
    CONTENT_COUNT
};

/* The statuses of HTTP that the server uses. */
enum {
    ANSWER_OK = 200,
    ANSWER_BAD_REQUEST = 400,
    ANSWER_NO_TOKEN = 401,
    ANSWER_FORBIDDEN = 403,
    ANSWER_NOT_FOUND = 404,
    ANSWER_NO_SUCH_METHOD = 405,
    ANSWER_CONFLICT = 409,
    ANSWER_TOO_LARGE = 413,
    ANSWER_FAILED = 500,
    ANSWER_BAD_TARGET = 502,
    ANSWER_BUSY = 503,
    ANSWER_LATE = 504
};

/* Purpose: an answer. Owner: the function that has it frees `body`. */
struct answer {
    unsigned status;
    enum content content;
    char *body;
    size_t size;
};

/* The value of the header Content-Type. */
const char *answer_type(enum content content);
/* An answer of one line of plain text. */
struct answer answer_line(unsigned status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Begin an answer's text; NULL: no memory. answer_end closes it; if there was no memory, the answer
 * becomes a failure. */
FILE *answer_begin(struct answer *answer, enum content content);
void answer_end(struct answer *answer, FILE *out);

#endif
