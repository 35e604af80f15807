/* SPDX-License-Identifier: MIT */
/*
 * `hakmem stats`: shows where a process's memory is, in terms that add up to its RSS, by lane, size
 * class and thread.
 */
#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"
#include "base/text.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "heap/others.h"
#include "look/stats_formats.h"
#include "look/stats_terms.h"
#include "look/verbs.h"

#define KEY_JSON CLI_KEY(1)
#define KEY_METRICS CLI_KEY(2)

/* The most rows of size classes and threads in the text; the other forms have all. */
#define ROWS_MAX 10

/* ---- text ---- */

static void print_others(const struct heap_view *view, double all)
{
    uint64_t bytes[OTHERS_COUNT];
    others_count(view, bytes);
    for (size_t i = 0; i < OTHERS_COUNT; i++)
        if (bytes[i] > 0)
            printf("    %-26s %12s %8s\n", others_labels[i], text_of_size(bytes[i]).bytes,
                   text_of_percent((double)bytes[i], all).bytes);
}

static void print_terms(const struct heap_view *view, const struct heap_terms *terms)
{
    struct term rows[TERM_COUNT];
    bool is_core = view->target->is_core;
    double all = (double)(is_core ? heap_terms_sum(terms) : terms->rss);
    stats_terms(terms, rows);
    printf("\n%-30s %12s\n", is_core ? "pages with content" : "RSS",
           text_of_size((uint64_t)all).bytes);
    for (size_t i = 0; i < TERM_COUNT - (is_core ? 1 : 0); i++)
        printf("%c %-28s %12s %8s\n", i ? '+' : '=', rows[i].label,
               text_of_size(rows[i].bytes).bytes,
               text_of_percent((double)rows[i].bytes, all).bytes);
    if (!is_core)
        print_others(view, all);
    int64_t rest = terms->unexplained;
    if (rest)
        printf("%c %-28s %12s %8s\n", rest < 0 ? '-' : '+', "changed while it was read",
               text_of_size((uint64_t)llabs(rest)).bytes,
               text_of_percent((double)llabs(rest), all).bytes);
}

static void print_figures(const char *name, const struct row_figures *figures)
{
    uint64_t cached = figures->bytes[BLOCK_IN_THREAD] + figures->bytes[BLOCK_IN_DEPOT];
    printf("%-10s %11" PRIu64 " %11s %11s %11s %11s\n", name, figures->blocks[BLOCK_LIVE],
           text_of_size(figures->bytes[BLOCK_LIVE]).bytes, text_of_size(cached).bytes,
           text_of_size(figures->bytes[BLOCK_FREE]).bytes, text_of_size(figures->mapped).bytes);
}

static uint64_t resident_of(const struct row_figures *figures)
{
    uint64_t sum = 0;
    for (unsigned state = 0; state < BLOCK_STATES; state++)
        sum += figures->bytes[state];
    return sum;
}

static int compare_classes(const void *a, const void *b)
{
    uint64_t left = resident_of(*(const struct row_figures *const *)a);
    uint64_t right = resident_of(*(const struct row_figures *const *)b);
    return (left < right) - (left > right);
}

static void print_classes(const struct heap_terms *terms)
{
    const struct row_figures *order[CLASS_ACE_LAST + 1];
    size_t count = 0;
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        if (terms->classes[c].extents > 0)
            order[count++] = &terms->classes[c];
    qsort(order, count, sizeof order[0], compare_classes);
    for (size_t i = 0; i < count && i < ROWS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "  %" PRIu32, order[i]->size);
        print_figures(name, order[i]);
    }
    if (count > ROWS_MAX)
        printf("  (%zu smaller ones: see --json)\n", count - ROWS_MAX);
}

static void print_lanes(const struct heap_terms *terms)
{
    printf("\n%-10s %11s %11s %11s %11s %11s\n", "lane, size", "live blocks", "bytes", "cached",
           "free", "addresses");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        print_figures(lane_titles[lane], &terms->lanes[lane]);
    print_classes(terms);
}

static int compare_threads(const void *a, const void *b)
{
    uint64_t left = ((const struct thread_view *)a)->bytes;
    uint64_t right = ((const struct thread_view *)b)->bytes;
    return (left < right) - (left > right);
}

static void print_threads(const struct heap_view *view)
{
    if (view->thread_count == 0)
        return;
    struct thread_view *order = memory_resize(NULL, view->thread_count, sizeof *order);
    memcpy(order, view->threads, view->thread_count * sizeof *order);
    qsort(order, view->thread_count, sizeof *order, compare_threads);
    printf("\n%-10s %10s %11s %11s  %s\n", "thread", "cached", "bytes", "may hold", "name");
    for (size_t i = 0; i < view->thread_count && i < ROWS_MAX; i++)
        printf("%-10" PRIu32 " %10" PRIu64 " %11s %11s  %s\n", order[i].thread_id, order[i].blocks,
               text_of_size(order[i].bytes).bytes, text_of_size(order[i].granted).bytes,
               order[i].name);
    if (view->thread_count > ROWS_MAX)
        printf("(%zu more: see --json)\n", view->thread_count - ROWS_MAX);
    free(order);
}

/* Print the limit that was set, and whether malloc fails because of it. */
static void print_limit(const struct heap_view *view, const struct heap_terms *terms)
{
    int64_t limit = view->settings.limit;
    if (limit == 0)
        return;
    if (limit < 0)
        printf("limit %" PRId64 " %% of the control group's limit (HAKMEM_LIMIT)", -limit);
    else
        printf("limit %s (HAKMEM_LIMIT)", text_of_size((uint64_t)limit).bytes);
    uint64_t spans = heap_terms_spans(terms);
    bool is_above = limit > 0 && (terms->rss > spans ? terms->rss : spans) >= (uint64_t)limit;
    if (is_above || view->space.is_at_limit)
        fputs(": reached; calls of malloc that need more memory fail", stdout);
    putchar('\n');
}

static void print_text(const struct heap_view *view, const struct heap_terms *terms)
{
    uint64_t handed_over = 0;
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        handed_over += view->fb_counts[reason];
    printf("%s: HAKMEM %.15s, %zu thread%s with a cache\n", choice_title(view->target),
           view->root.head.library_version, view->thread_count, view->thread_count == 1 ? "" : "s");
    if (view->is_empty)
        puts("the heap has not been used yet, or HAKMEM_FORCE_LIBC_ALLOC is set");
    print_terms(view, terms);
    print_lanes(terms);
    print_threads(view);
    printf("\npurged %s since the start; %" PRIu64 " call%s handed over to libc\n",
           text_of_size(view->purged_bytes).bytes, handed_over, handed_over == 1 ? "" : "s");
    print_limit(view, terms);
    if (terms->huge_page_waste)
        printf("of what is purgeable, %s are of huge pages and have never been handed out\n",
               text_of_size(terms->huge_page_waste).bytes);
    if (terms->unexplained)
        puts("the terms do not add up: the process changed faster than it could be read");
    if (view->implausible)
        printf("left out, since it changed while it was read: %u %s\n", view->implausible,
               view->implausible == 1 ? "thing" : "things");
}

/* ---- the verb ---- */

struct stats_input {
    struct choice choice;
    int form; /* 0, KEY_JSON, KEY_METRICS */
};

static error_t parse_stats(int key, char *argument, struct argp_state *state)
{
    struct stats_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_JSON:
    case KEY_METRICS: input->form = key; return 0;
    case CHOICE_KEY_CORE: input->choice.core = argument; return 0;
    case ARGP_KEY_ARG:
        if (input->choice.pid || input->choice.core)
            exit(cli_fail(EXIT_USAGE, "hakmem stats: '%.60s' is one word too many", argument));
        input->choice.pid = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int stats_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"json", KEY_JSON, NULL, 0, "print JSON", 0},
        {"metrics", KEY_METRICS, NULL, 0, "print OpenMetrics text, for Prometheus", 0},
        CHOICE_OPTION_CORE,
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_stats,
        .args_doc = "PID\n--core FILE",
        .doc = "Say where the memory of a process is: terms that add up to its RSS (resident set "
               "size), then lanes, size classes and threads. The process is read from outside; "
               "nothing runs in it.",
    };
    struct stats_input input = {.choice = {.command = "hakmem stats"}};
    struct target target;
    struct heap_view view;
    struct heap_terms *terms = memory_resize(NULL, 1, sizeof *terms);
    cli_parse(&argp, argc, argv, &input);
    choice_open(&input.choice, &target, &view);
    if (!heap_terms_count(&view, terms))
        exit(cli_fail(EXIT_FAILURE, "hakmem stats: %s", target.error));
    if (input.form == KEY_JSON)
        stats_print_json(stdout, &view, terms);
    else if (input.form == KEY_METRICS)
        stats_print_metrics(stdout, &view, terms);
    else
        print_text(&view, terms);
    heap_view_close(&view);
    target_close(&target);
    free(terms);
    return EXIT_SUCCESS;
}
