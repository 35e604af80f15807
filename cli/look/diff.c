/* SPDX-License-Identifier: MIT */
/*
 * `hakmem diff`: shows the changes between two snapshots, by term, lane and size class, the largest
 * first; or those between two profiles, by call stack.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arguments.h"
#include "base/message.h"
#include "base/text.h"
#include "look/snapshot.h"
#include "look/verbs.h"
#include "sites/pprof_read.h"
#include "sites/profile_diff.h"

#define KEY_JSON CLI_KEY(1)
#define KEY_FOR CLI_KEY(2)
#define KEY_TOP CLI_KEY(3)
#define KEY_LIVE CLI_KEY(4)
#define KEY_ALLOCATED CLI_KEY(5)
#define KEY_PEAK CLI_KEY(6)
#define KEY_PINNED CLI_KEY(7)
#define TOP_MAX 1000000
/* The most size classes in the text; JSON has all. */
#define ROWS_MAX 16

/* One line: a figure of each snapshot; for blocks also their number. */
struct change {
    const char *name;
    const char *label;
    uint64_t before;
    uint64_t after;
    uint64_t blocks_before;
    uint64_t blocks_after;
    uint64_t free_before;
    uint64_t free_after;
};

#define CHANGES_MAX (2 * SNAPSHOT_ROWS_MAX)
struct changes {
    struct change rows[CHANGES_MAX];
    size_t count;
};

/* ---- what changed ---- */

static uint64_t distance(uint64_t before, uint64_t after)
{
    return before < after ? after - before : before - after;
}

static uint64_t weight(const struct change *change)
{
    return distance(change->before, change->after) +
           distance(change->free_before, change->free_after);
}

static bool is_change(const struct change *change)
{
    return weight(change) > 0 || change->blocks_before != change->blocks_after;
}

static int compare_changes(const void *a, const void *b)
{
    uint64_t left = weight(a);
    uint64_t right = weight(b);
    return (left < right) - (left > right);
}

static void sort_changes(struct changes *changes)
{
    if (changes->count > 0)
        qsort(changes->rows, changes->count, sizeof changes->rows[0], compare_changes);
}

/* A core file has neither the RSS nor the last term, memory of others. */
static bool has_core(const struct snapshot *before, const struct snapshot *after)
{
    return before->is_core || after->is_core;
}

static void find_terms(const struct snapshot *before, const struct snapshot *after,
                       struct changes *changes)
{
    static const struct heap_terms none;
    struct term rows[TERM_COUNT];
    stats_terms(&none, rows);
    size_t count = TERM_COUNT - (has_core(before, after) ? 1 : 0);
    changes->count = 0;
    for (size_t i = 0; i < count; i++)
        changes->rows[changes->count++] = (struct change){.name = rows[i].key,
                                                          .label = rows[i].label,
                                                          .before = before->terms[i],
                                                          .after = after->terms[i]};
    sort_changes(changes);
}

static const struct snapshot_row *find_row(const struct snapshot_row *rows, size_t count,
                                           const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static void add_row(struct changes *changes, const struct snapshot_row *before,
                    const struct snapshot_row *after)
{
    static const struct snapshot_row none;
    const char *name = before ? before->name : after->name;
    before = before ? before : &none;
    after = after ? after : &none;
    changes->rows[changes->count++] = (struct change){.name = name,
                                                      .label = name,
                                                      .before = before->live_bytes,
                                                      .after = after->live_bytes,
                                                      .blocks_before = before->live_blocks,
                                                      .blocks_after = after->live_blocks,
                                                      .free_before = before->free_bytes,
                                                      .free_after = after->free_bytes};
}

/* A class that never had a block is in no file. */
static void find_classes(const struct snapshot *before, const struct snapshot *after,
                         struct changes *changes)
{
    changes->count = 0;
    for (size_t i = 0; i < before->class_count; i++)
        add_row(changes, &before->classes[i],
                find_row(after->classes, after->class_count, before->classes[i].name));
    for (size_t i = 0; i < after->class_count; i++)
        if (!find_row(before->classes, before->class_count, after->classes[i].name))
            add_row(changes, NULL, &after->classes[i]);
    sort_changes(changes);
}

static void find_lanes(const struct snapshot *before, const struct snapshot *after,
                       struct changes *changes)
{
    changes->count = 0;
    for (size_t i = 0; i < HAK_LANE_COUNT; i++) {
        add_row(changes, &before->lanes[i], &after->lanes[i]);
        changes->rows[i].label = lane_titles[i];
    }
    sort_changes(changes);
}

/* ---- text ---- */

static struct short_text text_of_change(uint64_t before, uint64_t after)
{
    struct short_text text;
    const char *sign = before < after ? "+" : before > after ? "-" : "";
    snprintf(text.bytes, sizeof text.bytes, "%s%.20s", sign,
             text_of_size(distance(before, after)).bytes);
    return text;
}

static void print_bytes(const char *label, uint64_t before, uint64_t after)
{
    printf("%-28s %12s %12s %12s\n", label, text_of_size(before).bytes, text_of_size(after).bytes,
           text_of_change(before, after).bytes);
}

static size_t print_terms(const struct snapshot *before, const struct snapshot *after,
                          struct changes *changes)
{
    size_t shown = 0;
    find_terms(before, after, changes);
    printf("\n%-28s %12s %12s %12s\n", "", "before", "after", "change");
    if (!has_core(before, after))
        print_bytes("RSS", before->rss, after->rss);
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->rows[i];
        if (is_change(change))
            print_bytes(change->label, change->before, change->after);
        shown += is_change(change);
    }
    if (has_core(before, after))
        puts("A core file does not tell the RSS, nor the memory of others: left out.");
    return shown;
}

static size_t print_blocks(const char *title, const struct changes *changes)
{
    size_t shown = 0;
    size_t left_out = 0;
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->rows[i];
        if (!is_change(change))
            continue;
        if (shown == 0)
            printf("\n%-10s %11s %11s %11s %11s %11s\n", title, "live blocks", "change",
                   "live bytes", "change", "free change");
        if (shown++ >= ROWS_MAX) {
            left_out++;
            continue;
        }
        printf("%-10s %11" PRIu64 " %+11" PRId64 " %11s %11s %11s\n", change->label,
               change->blocks_after, (int64_t)(change->blocks_after - change->blocks_before),
               text_of_size(change->after).bytes,
               text_of_change(change->before, change->after).bytes,
               text_of_change(change->free_before, change->free_after).bytes);
    }
    if (left_out)
        printf("(%zu smaller changes: see --json)\n", left_out);
    return shown;
}

static void print_head(const struct snapshot *before, const struct snapshot *after)
{
    printf("%s [%" PRIu64 "]", before->program, before->pid);
    if (before->pid != after->pid || strcmp(before->program, after->program) != 0)
        printf(", and %s [%" PRIu64 "]", after->program, after->pid);
    if (before->at > 0 && after->at > 0)
        printf(", %.1f s %s",
               after->at < before->at ? before->at - after->at : after->at - before->at,
               after->at < before->at ? "earlier" : "later");
    putchar('\n');
}

static void print_text(const struct snapshot *before, const struct snapshot *after)
{
    static struct changes changes;
    print_head(before, after);
    size_t shown = print_terms(before, after, &changes);
    find_lanes(before, after, &changes);
    shown += print_blocks("lane", &changes);
    find_classes(before, after, &changes);
    shown += print_blocks("size class", &changes);
    if (shown == 0)
        puts("\nnothing has changed");
}

/* ---- JSON ---- */

static void json_side(const char *name, const struct snapshot *snapshot)
{
    printf("\"%s\":{\"program\":", name);
    json_text(stdout, snapshot->program);
    printf(",\"pid\":%" PRIu64 ",\"core\":%s,\"at\":%.3f", snapshot->pid,
           snapshot->is_core ? "true" : "false", snapshot->at);
    if (!snapshot->is_core)
        printf(",\"rss_bytes\":%" PRIu64, snapshot->rss);
    fputs("},\n", stdout);
}

static void json_figure(const char *name, uint64_t before, uint64_t after)
{
    printf(",\"%s\":{\"before\":%" PRIu64 ",\"after\":%" PRIu64 ",\"change\":%" PRId64 "}", name,
           before, after, (int64_t)(after - before));
}

/* Write the rows that changed. */
static void json_changes(const char *name, const struct changes *changes, bool is_blocks)
{
    const char *comma = "";
    printf("\"%s\":[", name);
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->rows[i];
        if (!is_change(change))
            continue;
        printf("%s\n{\"name\":\"%s\"", comma, change->name);
        json_figure(is_blocks ? "live_bytes" : "bytes", change->before, change->after);
        if (is_blocks) {
            json_figure("live_blocks", change->blocks_before, change->blocks_after);
            json_figure("free_bytes", change->free_before, change->free_after);
        }
        putchar('}');
        comma = ",";
    }
    putchar(']');
}

static void print_json(const struct snapshot *before, const struct snapshot *after)
{
    static struct changes changes;
    printf("{\"format\":1,\n");
    json_side("before", before);
    json_side("after", after);
    find_terms(before, after, &changes);
    json_changes("terms", &changes, false);
    find_lanes(before, after, &changes);
    fputs(",\n", stdout);
    json_changes("lanes", &changes, true);
    find_classes(before, after, &changes);
    fputs(",\n", stdout);
    json_changes("classes", &changes, true);
    fputs("}\n", stdout);
}

/* ---- the verb ---- */

struct diff_input {
    const char *paths[2];
    unsigned count;
    double seconds;     /* 0: of two files */
    const char *option; /* that is of profiles only; NULL: none was given */
    struct profile_diff profiles;
};

static double parse_seconds(const char *text)
{
    double seconds;
    if (text_to_seconds(text, &seconds))
        return seconds;
    exit(cli_fail(EXIT_USAGE,
                  "hakmem diff: --for cannot be '%.60s': expected a time from 1ms to 168h, such as "
                  "500ms, 60s, 5m or 1h",
                  text));
}

static size_t parse_top(const char *text)
{
    uint64_t number;
    if (!text_to_number(text, &number) || number == 0 || number > TOP_MAX)
        exit(cli_fail(EXIT_USAGE, "hakmem diff: --top cannot be '%.60s': expected 1 to %d", text,
                      TOP_MAX));
    return number;
}

static void choose_figure(struct diff_input *input, enum figure figure, const char *option)
{
    input->profiles.figure = figure;
    input->option = option;
}

static error_t parse_diff(int key, char *argument, struct argp_state *state)
{
    struct diff_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_JSON: input->profiles.is_json = true; return 0;
    case KEY_FOR: input->seconds = parse_seconds(argument); return 0;
    case KEY_TOP: input->profiles.rows = parse_top(argument); return 0;
    case KEY_LIVE: choose_figure(input, FIGURE_LIVE, "--live"); return 0;
    case KEY_ALLOCATED: choose_figure(input, FIGURE_ALLOCATED, "--allocated"); return 0;
    case KEY_PEAK: choose_figure(input, FIGURE_PEAK, "--peak"); return 0;
    case KEY_PINNED: choose_figure(input, FIGURE_PINNED, "--pinned"); return 0;
    case ARGP_KEY_ARG:
        if (input->count == 2)
            exit(cli_fail(EXIT_USAGE, "hakmem diff: '%.60s' is one word too many", argument));
        input->paths[input->count++] = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int diff_snapshots(const struct diff_input *input)
{
    static struct snapshot before;
    static struct snapshot after;
    if (!snapshot_read("hakmem diff", input->paths[0], &before) ||
        !snapshot_read("hakmem diff", input->paths[1], &after))
        return EXIT_FAILURE;
    if (input->profiles.is_json)
        print_json(&before, &after);
    else
        print_text(&before, &after);
    return EXIT_SUCCESS;
}

/* The first bytes of the files tell whether they are profiles or snapshots. */
static int diff_files(const struct diff_input *input)
{
    bool is_profile = pprof_is_packed(input->paths[0]);
    const char *other = input->paths[is_profile ? 1 : 0];
    if (is_profile != pprof_is_packed(input->paths[1]) && access(other, R_OK) != 0)
        return cli_fail(EXIT_FAILURE, "hakmem diff: cannot read '%s': %s", other, strerror(errno));
    if (is_profile != pprof_is_packed(input->paths[1]))
        return cli_fail(EXIT_FAILURE,
                        "hakmem diff: '%.200s' is a profile (.pb.gz), and '%.200s' is none",
                        input->paths[is_profile ? 0 : 1], other);
    if (is_profile)
        return profile_diff_files(&input->profiles, input->paths);
    if (input->option)
        return cli_fail(EXIT_USAGE,
                        "hakmem diff: %s is for profiles (.pb.gz), and '%.200s' is none",
                        input->option, input->paths[0]);
    return diff_snapshots(input);
}

int diff_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"for", KEY_FOR, "TIME", 0, "compare a process with itself after a time: 60s, 5m", 0},
        {"live", KEY_LIVE, NULL, 0, "profiles: live bytes (the default)", 0},
        {"allocated", KEY_ALLOCATED, NULL, 0, "bytes allocated since profiling began", 0},
        {"peak", KEY_PEAK, NULL, 0, "live bytes at the heap's peak", 0},
        {"pinned", KEY_PINNED, NULL, 0, "free bytes that live blocks keep resident", 0},
        {"top", KEY_TOP, "N", 0, "show at most N stacks (10; in JSON all)", 0},
        {"json", KEY_JSON, NULL, 0, "print JSON", 0},
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_diff,
        .args_doc = "BEFORE AFTER\nPID --for TIME",
        .doc = "Show what changed, the largest change first. Two files of hakmem snapshot are "
               "compared by term, lane and size class; two profiles (.pb.gz of hakmem profile or "
               "of another program), or a process now and after a time, by call stack.",
    };
    struct diff_input input = {.profiles = {.command = "hakmem diff"}};
    cli_parse(&argp, argc, argv, &input);
    if (input.seconds > 0 && input.count == 1)
        return profile_diff_process(&input.profiles, input.paths[0], input.seconds);
    if (input.seconds > 0 && input.count == 2)
        return cli_fail(EXIT_USAGE,
                        "hakmem diff: '%.60s' is one word too many: --for takes a process",
                        input.paths[1]);
    if (input.count < 2)
        return cli_fail(EXIT_USAGE, "hakmem diff: no %s given (see hakmem diff --help)",
                        input.seconds > 0 ? "process"
                        : input.count     ? "second file"
                                          : "files");
    return diff_files(&input);
}
