/* SPDX-License-Identifier: MIT */
/*
 * `hakmem snapshot`: writes the output of `hakmem stats --json` to a file, and reads such a file.
 */
#include "look/snapshot.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/message.h"
#include "base/output.h"
#include "base/text.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "look/stats_formats.h"
#include "look/verbs.h"

/* ---- reading ---- */

/* The most bytes that are read of a file: one with 100,000 threads has 12 MiB. */
#define FILE_MAX ((size_t)256 << 20)

/* Read a whole file; the caller frees it. NULL: errno says why. */
static char *read_file(const char *path, size_t *size)
{
    FILE *in = fopen(path, "re");
    char *text = NULL;
    size_t room = 0;
    *size = 0;
    while (in && !feof(in) && !ferror(in) && *size < FILE_MAX) {
        if (*size == room) {
            room = room ? 2 * room : 64 << 10;
            text = memory_resize(text, room, 1);
        }
        *size += fread(text + *size, 1, room - *size, in);
    }
    int error = in && !ferror(in) ? 0 : errno;
    if (in)
        fclose(in);
    errno = error;
    if (!error)
        return text;
    free(text);
    return NULL;
}

/* Seconds since 1970: the year 5138. */
#define TIME_MAX 1e11

/* Purpose: an object of the file, and its place there. */
struct place {
    struct snapshot *snapshot;
    const struct json_object *object;
    const char *path; /* "", or "lanes.2." */
};

static void refuse(const struct place *place, const char *key)
{
    char *refused = place->snapshot->refused;
    if (!refused[0])
        snprintf(refused, sizeof place->snapshot->refused, "%s%s", place->path, key);
}

/* A number of the object; 0 if there is none. */
static uint64_t number_of(const struct place *place, const char *key)
{
    uint64_t number = 0;
    if (json_object_object_get_ex(place->object, key, NULL) &&
        !json_get_number(place->object, key, &number))
        refuse(place, key);
    return number;
}

static double time_of(const struct place *place)
{
    struct json_object *value;
    if (!json_object_object_get_ex(place->object, "at", &value))
        return 0;
    double seconds = json_object_get_double(value);
    if (seconds >= 0 && seconds < TIME_MAX && !json_object_is_type(value, json_type_string))
        return seconds;
    refuse(place, "at");
    return 0;
}

static void take_row(const struct place *place, struct snapshot_row *row)
{
    json_get_text(place->object, "name", row->name, sizeof row->name);
    target_make_printable(row->name);
    if (!row->name[0])
        snprintf(row->name, sizeof row->name, "%" PRIu64, number_of(place, "size"));
    row->live_blocks = number_of(place, "live_blocks");
    row->live_bytes = number_of(place, "live_bytes");
    row->free_bytes = number_of(place, "free_bytes") + number_of(place, "thread_cached_bytes") +
                      number_of(place, "depots_bytes");
}

/* Read the lanes, or the size classes. Returns their number. */
static size_t take_rows(const struct place *whole, const char *key, struct snapshot_row *rows,
                        size_t limit)
{
    char path[32];
    struct json_object *array = json_get_array(whole->object, key);
    size_t count = array ? json_object_array_length(array) : 0;
    for (size_t i = 0; i < count && i < limit; i++) {
        snprintf(path, sizeof path, "%s.%zu.", key, i);
        const struct place place = {whole->snapshot, json_object_array_get_idx(array, i), path};
        take_row(&place, &rows[i]);
    }
    return count < limit ? count : limit;
}

static void take_terms(const struct place *whole)
{
    static const struct heap_terms none;
    struct term rows[TERM_COUNT];
    struct json_object *object;
    if (!json_object_object_get_ex(whole->object, "terms", &object))
        return;
    const struct place place = {whole->snapshot, object, "terms."};
    stats_terms(&none, rows);
    for (size_t i = 0; i < TERM_COUNT; i++)
        if (json_object_object_get_ex(object, rows[i].key, NULL)) {
            whole->snapshot->terms[i] = number_of(&place, rows[i].key);
            whole->snapshot->terms_seen |= 1u << i;
        }
}

static void take_all(struct snapshot *snapshot, const struct json_object *object)
{
    const struct place whole = {snapshot, object, ""};
    struct json_object *core;
    json_get_text(object, "program", snapshot->program, sizeof snapshot->program);
    target_make_printable(snapshot->program);
    snapshot->format = number_of(&whole, "format");
    snapshot->pid = number_of(&whole, "pid");
    snapshot->at = time_of(&whole);
    snapshot->is_core = json_object_object_get_ex(object, "core", &core) &&
                        json_object_get_boolean(core);
    snapshot->rss = number_of(&whole, "rss_bytes");
    take_terms(&whole);
    take_rows(&whole, "lanes", snapshot->lanes, HAK_LANE_COUNT);
    snapshot->class_count = take_rows(&whole, "classes", snapshot->classes, SNAPSHOT_ROWS_MAX);
}

/* The beginning of each file, complete or not. */
#define SNAPSHOT_BEGIN "{\"hakmem\":"

bool snapshot_read(const char *command, const char *path, struct snapshot *snapshot)
{
    size_t size;
    char *text = read_file(path, &size);
    *snapshot = (struct snapshot){.at = 0};
    if (!text) {
        cli_fail(EXIT_FAILURE, "%s: cannot read '%s': %s", command, path, strerror(errno));
        return false;
    }
    bool is_cut;
    struct json_object *object = json_read(text, size, &is_cut);
    is_cut = is_cut && size >= strlen(SNAPSHOT_BEGIN) &&
             memcmp(text, SNAPSHOT_BEGIN, strlen(SNAPSHOT_BEGIN)) == 0;
    free(text);
    take_all(snapshot, object);
    json_object_put(object);
    if (is_cut)
        cli_fail(EXIT_FAILURE, "%s: '%s' is cut short: it is not a whole snapshot", command, path);
    else if (!snapshot->format)
        cli_fail(EXIT_FAILURE, "%s: '%s' is not a snapshot: expected a file of hakmem snapshot",
                 command, path);
    else if (snapshot->format != FIGURES_FORMAT)
        cli_fail(EXIT_FAILURE, "%s: '%s' is of format %" PRIu64 ": this hakmem reads format %d",
                 command, path, snapshot->format, FIGURES_FORMAT);
    else if (snapshot->refused[0])
        cli_fail(EXIT_FAILURE, "%s: '%s' is damaged: its '%s' is not a number that hakmem writes",
                 command, path, snapshot->refused);
    else if (snapshot->terms_seen != (1u << TERM_COUNT) - 1)
        cli_fail(EXIT_FAILURE,
                 "%s: '%s' is not a snapshot: it lacks the terms that add up to the RSS", command,
                 path);
    else
        return true;
    return false;
}

/* ---- the verb ---- */

struct snapshot_input {
    struct choice choice;
    struct output output;
};

static error_t parse_snapshot(int key, char *argument, struct argp_state *state)
{
    struct snapshot_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case 'o': input->output.path = argument; return 0;
    case CHOICE_KEY_CORE: input->choice.core = argument; return 0;
    case ARGP_KEY_ARG:
        if (input->choice.pid || input->choice.core)
            exit(cli_fail(EXIT_USAGE, "hakmem snapshot: '%.60s' is one word too many", argument));
        input->choice.pid = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int write_snapshot(struct snapshot_input *input, struct heap_view *view)
{
    struct heap_terms *terms = memory_resize(NULL, 1, sizeof *terms);
    int status = EXIT_USAGE;
    struct target *target = view->target;
    if (!heap_terms_count(view, terms))
        status = cli_fail(EXIT_FAILURE, "hakmem snapshot: %s", target->error);
    else if (output_open(&input->output)) {
        stats_print_json(output_begin(&input->output), view, terms);
        status = output_end(&input->output, EXIT_SUCCESS);
    }
    free(terms);
    return status;
}

int snapshot_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"output", 'o', "FILE", 0, "write to this file (required)", 0},
        CHOICE_OPTION_CORE,
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_snapshot,
        .args_doc = "PID\n--core FILE",
        .doc = "Write to a file, as JSON, where the memory of a process is: what hakmem stats "
               "--json prints. hakmem diff says what changed between two such files.",
    };
    struct snapshot_input input = {.choice = {.command = "hakmem snapshot"},
                                   .output = {.command = "hakmem snapshot"}};
    struct target target;
    struct heap_view view;
    cli_parse(&argp, argc, argv, &input);
    if (!input.output.path)
        return cli_fail(EXIT_USAGE, "hakmem snapshot: no file given: -o FILE (see hakmem snapshot "
                                    "--help)");
    choice_open(&input.choice, &target, &view);
    int status = write_snapshot(&input, &view);
    heap_view_close(&view);
    target_close(&target);
    return status;
}
