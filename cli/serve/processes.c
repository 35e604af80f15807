/* SPDX-License-Identifier: MIT */
/*
 * The list of processes as JSON, and the choice of one of them.
 */
#include "serve/processes.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "hakmem/hakmem.h"

/* How many processes a line names at most. */
#define NAMED_MAX 8

/* ---- JSON ---- */

static void put_who(FILE *out, const struct facts *facts)
{
    fprintf(out, "{\"pid\":%d,\"program\":", (int)facts->pid);
    json_text(out, facts->program);
    fputs(",\"command\":", out);
    json_text(out, facts->command);
}

static void put_process(FILE *out, const struct facts *facts)
{
    put_who(out, facts);
    fprintf(out,
            ",\"rss_bytes\":%" PRIu64 ",\"live_bytes\":%" PRIu64 ",\"cached_bytes\":%" PRIu64
            ",\"free_bytes\":%" PRIu64 ",\"others_bytes\":%" PRIu64 ",\"threads\":%" PRIu64
            ",\"limit_bytes\":%" PRIu64 ",\"limit_reached\":%s,\"profile\":%s,\"profiling\":%s}",
            facts->rss, facts->live, facts->cached, facts->free, facts->others, facts->threads,
            facts->limit, facts->is_at_limit ? "true" : "false",
            facts->has_profile ? "true" : "false", facts->is_profiling ? "true" : "false");
}

static void put_unreadable(FILE *out, const struct collection *collection)
{
    const char *comma = "";
    for (size_t i = 0; i < collection->known_count; i++) {
        const struct facts *facts = &collection->known[i].facts;
        if (facts->kind != FACTS_BAD)
            continue;
        fprintf(out, "%s\n", comma);
        put_who(out, facts);
        fputs(",\"why\":", out);
        json_text(out, facts->why);
        fputc('}', out);
        comma = ",";
    }
}

void processes_write(FILE *out, const struct collection *collection)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    fprintf(out, "{\"hakmem\":\"%s\",\"format\":1,\"at\":%ld.%03ld,\n\"processes\":[",
            HAKMEM_VERSION_STRING, (long)now.tv_sec, now.tv_nsec / 1000000);
    for (size_t i = 0; i < collection->count; i++) {
        fputs(i ? ",\n" : "\n", out);
        put_process(out, &collection->rows[i].facts);
    }
    fputs("],\n\"unreadable\":[", out);
    put_unreadable(out, collection);
    fprintf(out, "],\n\"refused\":%zu,\"left_out\":%zu}\n",
            collection_count(collection, FACTS_REFUSED), collection->left_out);
}

/* ---- the choice ---- */

static bool is_candidate(const struct facts *facts, const char *program)
{
    return facts->has_profile && (!program || strcmp(facts->program, program) == 0);
}

static struct answer several(const struct collection *collection, const char *program)
{
    char list[NAMED_MAX * 96] = "";
    size_t named = 0;
    size_t length = 0;
    for (size_t i = 0; i < collection->count; i++) {
        const struct facts *facts = &collection->rows[i].facts;
        if (!is_candidate(facts, program) || named++ >= NAMED_MAX)
            continue;
        length += (size_t)snprintf(list + length, sizeof list - length, "%s%d (%.60s)",
                                   named > 1 ? ", " : "", (int)facts->pid, facts->program);
    }
    return answer_line(ANSWER_BAD_REQUEST,
                       "which process? %zu have a profile: add ?pid=N, or /N before the path: %s%s",
                       named, list, named > NAMED_MAX ? ", ..." : "");
}

pid_t processes_choose(const struct collection *collection, const char *program,
                       struct answer *answer)
{
    pid_t pid = 0;
    size_t count = 0;
    for (size_t i = 0; i < collection->count; i++)
        if (is_candidate(&collection->rows[i].facts, program)) {
            pid = collection->rows[i].facts.pid;
            count++;
        }
    if (count == 1)
        return pid;
    if (count > 1)
        *answer = several(collection, program);
    else if (program)
        *answer = answer_line(ANSWER_BAD_REQUEST,
                              "no process of the name '%.60s' has a profile (see /processes)",
                              program);
    else
        *answer = answer_line(ANSWER_BAD_REQUEST,
                              "no process has a profile: start one with HAKMEM_PROFILE=1, or name "
                              "one with ?pid=N (see /processes)");
    return 0;
}
