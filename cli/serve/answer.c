/* SPDX-License-Identifier: MIT */
/*
 * Makes answers. If there is no memory for an answer, that is a status too: it never ends the
 * server.
 */
#include "serve/answer.h"

#include <stdarg.h>
#include <stdlib.h>

const char *answer_type(enum content content)
{
    static const char *const types[CONTENT_COUNT] = {
        [CONTENT_TEXT] = "text/plain; charset=utf-8",
        [CONTENT_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
        [CONTENT_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        [CONTENT_JSON] = "application/json",
        [CONTENT_HTML] = "text/html; charset=utf-8",
        [CONTENT_REPORT] = "text/html; charset=utf-8",
        [CONTENT_PPROF] = "application/octet-stream",
        [CONTENT_SCRIPT] = "text/javascript; charset=utf-8",
        [CONTENT_STYLE] = "text/css; charset=utf-8",
    };
    return types[content];
}

FILE *answer_begin(struct answer *answer, enum content content)
{
    *answer = (struct answer){.status = ANSWER_OK, .content = content};
    return open_memstream(&answer->body, &answer->size);
}

void answer_end(struct answer *answer, FILE *out)
{
    if (out && fclose(out) == 0)
        return;
    free(answer->body);
    *answer = (struct answer){.status = ANSWER_FAILED, .content = CONTENT_TEXT};
}

struct answer answer_line(unsigned status, const char *format, ...)
{
    struct answer answer;
    va_list arguments;
    FILE *out = answer_begin(&answer, CONTENT_TEXT);
    answer.status = status;
    if (out) {
        va_start(arguments, format);
        vfprintf(out, format, arguments);
        va_end(arguments);
        fputc('\n', out);
    }
    answer_end(&answer, out);
    return answer;
}
