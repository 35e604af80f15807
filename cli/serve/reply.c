/* SPDX-License-Identifier: MIT */
/*
 * Replies and their headers. A connection serves one request: so its time can be bounded.
 */
#include "serve/reply.h"

#include <stdlib.h>

#define POLICY "Content-Security-Policy"

/* Pages may load files of the server only, and no other page may show them in a frame. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; "
                             "connect-src 'self'; img-src data:; base-uri 'none'; "
                             "form-action 'none'; frame-ancestors 'none'";
/* A report contains its scripts and loads nothing. It also contains names from a process, which are
 * not trusted. So the browser gives it an origin of its own, from which it cannot ask the
 * server. */
static const char report_policy[] = "sandbox allow-scripts allow-downloads; default-src 'none'; "
                                    "script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                                    "img-src data:; base-uri 'none'; form-action 'none'; "
                                    "frame-ancestors 'none'";

static const char *const headers[][2] = {
    {"Connection", "close"},
    {"Cache-Control", "no-store"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Referrer-Policy", "no-referrer"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
};

static void add_headers(struct MHD_Response *response, const struct answer *answer)
{
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        MHD_add_response_header(response, headers[i][0], headers[i][1]);
    MHD_add_response_header(response, POLICY,
                            answer->content == CONTENT_REPORT ? report_policy : policy);
    MHD_add_response_header(response, "Content-Type", answer_type(answer->content));
    if (answer->content == CONTENT_PPROF)
        MHD_add_response_header(response, "Content-Disposition",
                                "attachment; filename=\"profile.pb.gz\"");
    switch (answer->status) {
    case ANSWER_NO_SUCH_METHOD: MHD_add_response_header(response, "Allow", "GET, HEAD"); break;
    case ANSWER_BUSY: MHD_add_response_header(response, "Retry-After", "1"); break;
    case ANSWER_NO_TOKEN:
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer realm=\"hakmem\"");
        MHD_add_response_header(response, "WWW-Authenticate", "Basic realm=\"hakmem\"");
        break;
    default: break;
    }
}

struct reply *reply_make(struct answer *answer)
{
    struct reply *reply = malloc(sizeof *reply);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->size, answer->body ? answer->body : "",
        answer->body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    if (!reply || !response) {
        if (response)
            MHD_destroy_response(response);
        else
            free(answer->body);
        free(reply);
        return NULL;
    }
    add_headers(response, answer);
    *reply = (struct reply){.response = response, .status = answer->status, .holders = 1};
    answer->body = NULL;
    return reply;
}

void reply_release(struct reply *reply)
{
    if (--reply->holders > 0)
        return;
    MHD_destroy_response(reply->response);
    free(reply);
}

enum MHD_Result reply_send(struct reply *reply, struct MHD_Connection *connection)
{
    enum MHD_Result result = MHD_queue_response(connection, reply->status, reply->response);
    reply_release(reply);
    return result;
}
