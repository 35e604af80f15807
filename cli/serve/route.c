/* SPDX-License-Identifier: MIT */
/*
 * The paths that the server answers, and their parameters.
 */
#include "serve/route.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "serve/page_list.h"
#include "serve/page_process.h"
#include "serve/profiles.h"

#define PATH_MAX_BYTES 200

static const struct row {
    const char *path;
    struct route route;
} rows[] = {
    {"/", {.kind = ROUTE_PAGE, .content = CONTENT_HTML, .write = page_list}},
    {"/script.js", {.kind = ROUTE_PAGE, .content = CONTENT_SCRIPT, .write = page_script}},
    {"/style.css", {.kind = ROUTE_PAGE, .content = CONTENT_STYLE, .write = page_style}},
    {"/metrics", {.kind = ROUTE_METRICS}},
    {"/processes", {.kind = ROUTE_PROCESSES}},
    {"/debug/pprof/heap", {.kind = ROUTE_JOB, .work = profile_work, .variant = PROFILE_HEAP}},
    {"/debug/pprof/allocs",
     {.kind = ROUTE_JOB, .work = profile_work, .variant = PROFILE_ALLOCATED}},
    {"/pprof/heap", {.kind = ROUTE_JOB, .work = profile_work, .variant = PROFILE_GPERFTOOLS}},
    {"/pprof/symbol", {.kind = ROUTE_JOB, .work = symbols_work, .takes_body = true}},
    {"/pprof/cmdline", {.kind = ROUTE_JOB, .work = command_work}},
};

/* ---- numbers ---- */

/* "12" or, before `end`, "12/...": a process. False: it is none. */
static bool take_pid(const char *text, size_t length, pid_t *pid)
{
    char digits[16];
    uint64_t number;
    if (length == 0 || length >= sizeof digits)
        return false;
    memcpy(digits, text, length);
    digits[length] = '\0';
    if (!text_to_number(digits, &number) || number == 0 || number > INT_MAX)
        return false;
    *pid = (pid_t)number;
    return true;
}

static bool take_parameters(struct route *route, struct MHD_Connection *connection,
                            struct answer *answer)
{
    const char *pid = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "pid");
    const char *seconds = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "seconds");
    uint64_t number = 0;
    route->program = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "program");
    if (pid && !take_pid(pid, strlen(pid), &route->pid)) {
        *answer = answer_line(ANSWER_BAD_REQUEST, "pid=%.40s is not a process number", pid);
        return false;
    }
    if (!seconds)
        return true;
    if (route->work != profile_work || route->variant == PROFILE_GPERFTOOLS) {
        *answer = answer_line(ANSWER_BAD_REQUEST,
                              "seconds=N is for /debug/pprof/heap and /debug/pprof/allocs only");
        return false;
    }
    if (!text_to_number(seconds, &number) || number == 0 || number > PROFILE_SECONDS_MAX) {
        *answer = answer_line(ANSWER_BAD_REQUEST, "seconds=%.40s must be a number from 1 to %d",
                              seconds, PROFILE_SECONDS_MAX);
        return false;
    }
    route->seconds = (unsigned)number;
    return true;
}

/* ---- metrics: which form, and how much of it ---- */

/* A reader that knows OpenMetrics says so, as Prometheus does. */
static void take_form(struct route *route, struct MHD_Connection *connection)
{
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_ACCEPT);
    const char *classes = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "classes");
    bool is_open = accept && strstr(accept, "application/openmetrics-text");
    route->content = is_open ? CONTENT_OPENMETRICS : CONTENT_METRICS;
    route->has_classes = classes && strcmp(classes, "1") == 0;
}

/* ---- paths ---- */

/* "/processes/12", "/processes/12.json". */
static bool find_process(struct route *route, const char *path)
{
    static const char folder[] = "/processes/";
    static const char json[] = ".json";
    if (strncmp(path, folder, strlen(folder)) != 0)
        return false;
    const char *number = path + strlen(folder);
    size_t length = strspn(number, "0123456789");
    bool is_json = strcmp(number + length, json) == 0;
    *route = (struct route){.kind = ROUTE_JOB,
                            .work = is_json ? process_json_work : process_page_work};
    return (is_json || number[length] == '\0') && take_pid(number, length, &route->pid);
}

/* google-pprof can only name a process before the path: "/12/pprof/heap". */
static const char *skip_pid(const char *path, pid_t *pid)
{
    size_t length = strspn(path + 1, "0123456789");
    bool is_before = length > 0 && path[1 + length] == '/';
    return is_before && take_pid(path + 1, length, pid) ? path + 1 + length : path;
}

bool route_find(struct route *route, struct MHD_Connection *connection, const char *path,
                struct answer *answer)
{
    pid_t pid = 0;
    bool is_found = strlen(path) <= PATH_MAX_BYTES && path[0] == '/' && find_process(route, path);
    const char *rest = path[0] == '/' ? skip_pid(path, &pid) : path;
    for (size_t i = 0; !is_found && i < sizeof rows / sizeof rows[0]; i++) {
        is_found = strcmp(rows[i].path, rows[i].route.kind == ROUTE_JOB ? rest : path) == 0;
        *route = rows[i].route;
    }
    if (!is_found) {
        *answer = answer_line(ANSWER_NOT_FOUND,
                              "there is no such path: see /, /metrics, /processes, /processes/N, "
                              "/debug/pprof/heap, /debug/pprof/allocs, /pprof/heap");
        return false;
    }
    if (route->kind == ROUTE_METRICS)
        take_form(route, connection);
    if (route->kind != ROUTE_JOB || route->pid)
        return true;
    route->pid = pid;
    return take_parameters(route, connection, answer);
}
