/* SPDX-License-Identifier: MIT */
/*
 * `hakmem snapshot`: writes what `hakmem stats --json` says into a file, and reads such a file.
 * Called by main.c and diff.c.
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

/* A file is read as far as this: one of 100,000 threads has 12 MiB. */
#define FILE_MAX ((size_t)256 << 20)

/* All of a file, to be freed; NULL: errno says why not. */
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

/* More than any address space has; sums of a few fit. */
#define NUMBER_MAX ((uint64_t)1 << 60)
/* Seconds since 1970: the year 5138. */
#define TIME_MAX 1e11

static void refuse(struct snapshot *snapshot, const struct json_value *value)
{
    if (!snapshot->refused[0])
        snprintf(snapshot->refused, sizeof snapshot->refused, "%s", value->path);
}

/* As stats_print_json writes them. */
static uint64_t number_of(struct snapshot *snapshot, const struct json_value *value)
{
    char text[24] = "";
    uint64_t number = 0;
    if (value->length < sizeof text)
        memcpy(text, value->text, value->length);
    if (value->kind == JSON_NUMBER && text_to_number(text, &number) && number < NUMBER_MAX)
        return number;
    refuse(snapshot, value);
    return 0;
}

static double time_of(struct snapshot *snapshot, const struct json_value *value)
{
    double seconds = strtod(value->text, NULL);
    if (value->kind == JSON_NUMBER && strspn(value->text, "0123456789.") >= value->length &&
        seconds < TIME_MAX)
        return seconds;
    refuse(snapshot, value);
    return 0;
}

static void copy_text(const struct json_value *value, char *text, size_t size)
{
    snprintf(text, size, "%.*s", (int)(value->length < size ? value->length : size), value->text);
    target_make_printable(text);
}

/* A figure of a lane or class. */
static void take_figure(struct snapshot *snapshot, struct snapshot_row *row, const char *key,
                        const struct json_value *value)
{
    if (strcmp(key, "size") == 0)
        number_of(snapshot, value);
    if (strcmp(key, "name") == 0 || strcmp(key, "size") == 0)
        copy_text(value, row->name, sizeof row->name);
    else if (strcmp(key, "live_blocks") == 0)
        row->live_blocks = number_of(snapshot, value);
    else if (strcmp(key, "live_bytes") == 0)
        row->live_bytes = number_of(snapshot, value);
    else if (strcmp(key, "free_bytes") == 0 || strcmp(key, "thread_cached_bytes") == 0 ||
             strcmp(key, "depots_bytes") == 0)
        row->free_bytes += number_of(snapshot, value);
}

static void take_term(struct snapshot *snapshot, const char *key, const struct json_value *value)
{
    static const struct heap_terms none;
    struct term rows[TERM_COUNT];
    stats_terms(&none, rows);
    for (size_t i = 0; i < TERM_COUNT; i++)
        if (strcmp(key, rows[i].key) == 0) {
            snapshot->terms[i] = number_of(snapshot, value);
            snapshot->terms_seen |= 1u << i;
        }
}

static void take_value(void *context, const struct json_value *value)
{
    struct snapshot *snapshot = context;
    size_t index;
    char key[40];
    if (strcmp(value->path, "program") == 0)
        copy_text(value, snapshot->program, sizeof snapshot->program);
    else if (strcmp(value->path, "pid") == 0)
        snapshot->pid = number_of(snapshot, value);
    else if (strcmp(value->path, "format") == 0)
        snapshot->format = number_of(snapshot, value);
    else if (strcmp(value->path, "at") == 0)
        snapshot->at = time_of(snapshot, value);
    else if (strcmp(value->path, "core") == 0)
        snapshot->is_core = value->length == 4 && memcmp(value->text, "true", 4) == 0;
    else if (strcmp(value->path, "rss_bytes") == 0)
        snapshot->rss = number_of(snapshot, value);
    else if (strncmp(value->path, "terms.", 6) == 0)
        take_term(snapshot, value->path + 6, value);
    else if (sscanf(value->path, "lanes.%zu.%39s", &index, key) == 2 && index < HAK_LANE_COUNT)
        take_figure(snapshot, &snapshot->lanes[index], key, value);
    else if (sscanf(value->path, "classes.%zu.%39s", &index, key) == 2 &&
             index < SNAPSHOT_ROWS_MAX) {
        take_figure(snapshot, &snapshot->classes[index], key, value);
        snapshot->class_count = index + 1;
    }
}

bool snapshot_read(const char *command, const char *path, struct snapshot *snapshot)
{
    size_t size;
    char *text = read_file(path, &size);
    *snapshot = (struct snapshot){.at = 0};
    if (!text) {
        cli_fail(EXIT_FAILURE, "%s: cannot read '%s': %s", command, path, strerror(errno));
        return false;
    }
    /* so that a number at the end of the text has an end */
    text = memory_resize(text, size + 1, 1);
    text[size] = '\0';
    enum json_end end = json_read(text, size, take_value, snapshot);
    free(text);
    bool is_known = snapshot->format == STATS_FORMAT;
    if (end == JSON_CUT && size > 0 && snapshot->format)
        cli_fail(EXIT_FAILURE, "%s: '%s' is cut short: it is not a whole snapshot", command, path);
    else if (end != JSON_GOOD || !snapshot->format)
        cli_fail(EXIT_FAILURE, "%s: '%s' is no snapshot: expected a file of hakmem snapshot",
                 command, path);
    else if (!is_known)
        cli_fail(EXIT_FAILURE, "%s: '%s' is of format %" PRIu64 ": this hakmem reads format %d",
                 command, path, snapshot->format, STATS_FORMAT);
    else if (snapshot->refused[0])
        cli_fail(EXIT_FAILURE, "%s: '%s' is damaged: its '%s' is not a number that hakmem writes",
                 command, path, snapshot->refused);
    else if (snapshot->terms_seen != (1u << TERM_COUNT) - 1)
        cli_fail(EXIT_FAILURE, "%s: '%s' is no snapshot: it lacks the terms that add up to the RSS",
                 command, path);
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
