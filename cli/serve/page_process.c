/* SPDX-License-Identifier: MIT */
/*
 * The page of one process, from one look: the terms of its memory, lanes, thread caches, and, if it
 * has a profile, the call stacks that asked for the memory.
 */
#include "serve/page_process.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/html.h"
#include "base/memory.h"
#include "base/text.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "look/stats_formats.h"
#include "look/stats_terms.h"
#include "serve/open.h"
#include "sites/flame_page.h"

#define THREADS_SHOWN 20

/* serve.css, by CMakeLists.txt */
extern const char serve_css[];

static void begin_table(FILE *out, const char *caption, const char *heads)
{
    fprintf(out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>"
            "<caption>%s</caption>\n<thead><tr>%s</tr></thead>\n<tbody>\n",
            caption, caption, heads);
}

static void end_table(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

static void put_size(FILE *out, uint64_t bytes)
{
    fprintf(out, "<td>%s</td>", text_of_size(bytes).bytes);
}

/* A share as text and as a bar. */
static void put_share(FILE *out, double part, double whole)
{
    double percent = whole > 0 ? 100 * part / whole : 0;
    fprintf(out,
            "<td>%s</td><td class=\"text\"><svg class=\"meter\" viewBox=\"0 0 100 1\" "
            "preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect class=\"bar best\" "
            "width=\"%.1f\" height=\"1\"/></svg></td>",
            text_of_percent(part, whole).bytes, percent < 100 ? percent : 100);
}

/* ---- the heap ---- */

static void put_terms(FILE *out, const struct heap_terms *terms)
{
    struct term rows[TERM_COUNT];
    stats_terms(terms, rows);
    begin_table(out, "Where the resident memory is",
                "<th>term</th><th>bytes</th><th>share</th><th></th>");
    for (size_t i = 0; i < TERM_COUNT; i++) {
        fprintf(out, "<tr><th scope=\"row\">%s</th>", rows[i].label);
        put_size(out, rows[i].bytes);
        put_share(out, (double)rows[i].bytes, (double)terms->rss);
        fputs("</tr>\n", out);
    }
    end_table(out);
}

static void put_row(FILE *out, const char *name, const struct row_figures *row)
{
    fprintf(out, "<tr><th scope=\"row\">%s</th><td>%" PRIu64 "</td>", name,
            row->blocks[BLOCK_LIVE]);
    put_size(out, row->bytes[BLOCK_LIVE]);
    put_size(out, row->bytes[BLOCK_IN_THREAD] + row->bytes[BLOCK_IN_DEPOT]);
    put_size(out, row->bytes[BLOCK_FREE]);
    put_size(out, row->mapped);
    fputs("</tr>\n", out);
}

static void put_lanes(FILE *out, const struct heap_terms *terms)
{
    begin_table(out, "Lanes and size classes",
                "<th>lane, size</th><th>live blocks</th><th>live</th><th>cached</th><th>free</th>"
                "<th>addresses</th>");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        put_row(out, lane_titles[lane], &terms->lanes[lane]);
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        char name[32];
        snprintf(name, sizeof name, "%" PRIu32 " B", terms->classes[c].size);
        if (terms->classes[c].extents > 0)
            put_row(out, name, &terms->classes[c]);
    }
    end_table(out);
}

static int compare_threads(const void *a, const void *b)
{
    uint64_t left = ((const struct thread_view *)a)->bytes;
    uint64_t right = ((const struct thread_view *)b)->bytes;
    return (left < right) - (left > right);
}

static void put_threads(FILE *out, struct heap_view *view)
{
    if (view->thread_count == 0)
        return;
    qsort(view->threads, view->thread_count, sizeof *view->threads, compare_threads);
    begin_table(out, "Thread caches",
                "<th>thread</th><th class=\"text\">name</th><th>blocks</th><th>bytes</th>");
    for (size_t i = 0; i < view->thread_count && i < THREADS_SHOWN; i++) {
        const struct thread_view *thread = &view->threads[i];
        fprintf(out, "<tr><th scope=\"row\">%" PRIu32 "</th><td class=\"text\">",
                thread->thread_id);
        html_text(out, thread->name);
        fprintf(out, "</td><td>%" PRIu64 "</td>", thread->blocks);
        put_size(out, thread->bytes);
        fputs("</tr>\n", out);
    }
    end_table(out);
    if (view->thread_count > THREADS_SHOWN)
        fprintf(out, "<p class=\"note\">%zu more threads hold less.</p>\n",
                view->thread_count - THREADS_SHOWN);
}

/* ---- the profile ---- */

static void put_profile(FILE *out, struct target *target, struct heap_view *view)
{
    struct named_profile named;
    if (named_profile_open(&named, target, view)) {
        flame_section(out, &named, FIGURE_LIVE);
        fprintf(out,
                "<p class=\"note\">For pprof: <a href=\"/debug/pprof/heap?pid=%d\">heap</a>, "
                "<a href=\"/debug/pprof/allocs?pid=%d\">allocs</a>.</p>\n",
                (int)target->pid, (int)target->pid);
        named_profile_close(&named);
        return;
    }
    fputs("<section id=\"stacks\"><h2>Who asked for it</h2>\n<p>", out);
    html_text(out, target->error);
    fputs(".</p>\n</section>\n", out);
}

/* ---- the works ---- */

static void put_page(FILE *out, struct target *target, struct heap_view *view,
                     const struct heap_terms *terms)
{
    char title[160];
    snprintf(title, sizeof title, "Memory of %s", choice_title(target));
    html_begin(out, title);
    fprintf(out, "<style>\n%s</style>\n<dl>\n", serve_css);
    html_fact(out, "Program", choice_title(target));
    html_fact(out, "Resident", text_of_size(terms->rss).bytes);
    html_fact(out, "HAKMEM", view->root.head.library_version);
    html_end_header(out);
    fprintf(out,
            "<p><a href=\"/\">All processes</a>, <a href=\"/processes/%d.json\">these figures as "
            "JSON</a></p>\n<section id=\"terms\"><h2>What holds the memory</h2>\n",
            (int)target->pid);
    put_terms(out, terms);
    fputs("</section>\n", out);
    put_profile(out, target, view);
    fputs("<section id=\"heap\"><h2>The heap</h2>\n", out);
    put_lanes(out, terms);
    put_threads(out, view);
    fputs("</section>\n", out);
    html_end(out);
}

static unsigned look(const struct order *order, FILE *out, bool is_page)
{
    struct target target;
    struct heap_view view;
    struct heap_terms *terms = memory_resize(NULL, 1, sizeof *terms);
    unsigned status = open_heap(order->pid, out, &target, &view);
    if (status != ANSWER_OK)
        return status;
    if (!heap_terms_count(&view, terms))
        return open_failed(out, &target, ANSWER_NOT_FOUND);
    if (is_page)
        put_page(out, &target, &view, terms);
    else
        stats_print_json(out, &view, terms);
    return ANSWER_OK;
}

unsigned process_page_work(const struct order *order, FILE *out, enum content *content)
{
    unsigned status = look(order, out, true);
    if (status == ANSWER_OK)
        *content = CONTENT_REPORT;
    return status;
}

unsigned process_json_work(const struct order *order, FILE *out, enum content *content)
{
    unsigned status = look(order, out, false);
    if (status == ANSWER_OK)
        *content = CONTENT_JSON;
    return status;
}
