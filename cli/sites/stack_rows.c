/* SPDX-License-Identifier: MIT */
/*
 * The table of stacks in a page: a row for each of the largest stacks. A row has all figures in
 * attributes; flame.js shows the figure that the reader chooses.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/html.h"
#include "base/memory.h"
#include "base/text.h"
#include "sites/flame_page.h"
#include "sites/flame_tree.h"
#include "sites/sites_table.h"

/* The most rows: nobody reads more, and they make the page heavy. */
#define ROWS_MAX ((size_t)300)
/* The most functions of a stack, innermost first. */
#define FRAMES_MAX ((size_t)64)
#define NAME_BYTES_MAX ((size_t)250)

/* ---- names ---- */

/* The middle of a long name is left out, as its ends tell more. */
static void print_cut(FILE *out, const char *text)
{
    static char cut[NAME_BYTES_MAX + 16];
    size_t length = strlen(text);
    if (length <= NAME_BYTES_MAX) {
        html_text(out, text);
        return;
    }
    size_t head = NAME_BYTES_MAX * 2 / 3;
    const char *rest = text + length - NAME_BYTES_MAX / 3;
    /* no character of UTF-8 in parts */
    while (head > 0 && ((unsigned char)text[head] & 0xc0) == 0x80)
        head--;
    while (((unsigned char)*rest & 0xc0) == 0x80)
        rest++;
    snprintf(cut, sizeof cut, "%.*s...%s", (int)head, text, rest);
    html_text(out, cut);
}

static void print_frame(FILE *out, const struct frame *frame)
{
    const char *slash = frame->file ? strrchr(frame->file, '/') : NULL;
    fputs("<code>", out);
    print_cut(out, frame->function);
    fputs("</code>", out);
    if (frame->file) {
        fputs(" <small>", out);
        print_cut(out, slash ? slash + 1 : frame->file);
        fprintf(out, ":%" PRIu32 "</small>", frame->line);
    } else if (frame->is_named && frame->module) {
        fputs(" <small>", out);
        print_cut(out, frame->module->name);
        fputs("</small>", out);
    }
}

/* The number of callers that are named. */
#define CALLERS_SHOWN ((size_t)2)

static void print_callers(FILE *out, const struct named_stack *stack)
{
    if (stack->own + 1 == stack->count)
        return;
    fputs(" <small class=\"callers\">called by ", out);
    for (size_t i = 1; i <= CALLERS_SHOWN && stack->own + i < stack->count; i++) {
        fputs(i > 1 ? ", by " : "", out);
        print_cut(out, stack->frames[stack->own + i]->function);
    }
    fputs("</small>", out);
}

/* The row names the callers too: otherwise the rows of a function with many callers look the
 * same. */
void stack_print_callers(FILE *out, const struct named_profile *named, const struct site_view *site)
{
    static struct named_stack stack;
    stack_name(&stack, named, site);
    print_callers(out, &stack);
}

void stack_print_name(FILE *out, const struct named_profile *named, const struct site_view *site)
{
    static struct named_stack stack;
    stack_name(&stack, named, site);
    print_frame(out, stack.frames[stack.own]);
}

/* ---- rows ---- */

/* Purpose: a site and the largest of its shares of any figure. */
struct row {
    const struct site_view *site;
    double share;
};

static int compare_rows(const void *a, const void *b)
{
    double left = ((const struct row *)a)->share;
    double right = ((const struct row *)b)->share;
    return (left < right) - (left > right);
}

static int compare_shown(const void *a, const void *b, void *figure)
{
    uint64_t left = site_bytes(((const struct row *)a)->site, *(const enum figure *)figure);
    uint64_t right = site_bytes(((const struct row *)b)->site, *(const enum figure *)figure);
    return (left < right) - (left > right);
}

static double share_of(const struct site_view *site, const double sums[FIGURE_COUNT])
{
    double most = 0;
    for (enum figure figure = 0; figure < FIGURE_COUNT; figure++) {
        double share = sums[figure] > 0 ? (double)site_bytes(site, figure) / sums[figure] : 0;
        most = share > most ? share : most;
    }
    return most;
}

/* The sites that get a row, sorted by the figure; to be freed. */
static struct row *choose_rows(const struct profile_view *view, enum figure figure, size_t *count)
{
    struct row *rows = memory_resize(NULL, view->site_count, sizeof *rows);
    double sums[FIGURE_COUNT];
    *count = 0;
    for (enum figure each = 0; each < FIGURE_COUNT; each++)
        sums[each] = sites_sum(view, each);
    for (size_t i = 0; i < view->site_count; i++) {
        const struct row row = {&view->sites[i], share_of(&view->sites[i], sums)};
        if (row.share >= FLAME_LEAST)
            rows[(*count)++] = row;
    }
    qsort(rows, *count, sizeof *rows, compare_rows);
    if (*count > ROWS_MAX)
        *count = ROWS_MAX;
    qsort_r(rows, *count, sizeof *rows, compare_shown, &figure);
    return rows;
}

/* A part of one block is shown as 1. */
static double whole(double count)
{
    return count > 0 && count < 1 ? 1 : count;
}

static void print_figures(FILE *out, const struct site_view *site)
{
    fputs("<tr data-bytes=\"", out);
    for (enum figure figure = 0; figure < FIGURE_COUNT; figure++)
        fprintf(out, "%s%" PRIu64, figure ? "," : "", site_bytes(site, figure));
    fputs("\" data-blocks=\"", out);
    for (enum figure figure = 0; figure < FIGURE_COUNT; figure++)
        fprintf(out, "%s%.0f", figure ? "," : "", whole(site_count(site, figure)));
    fputs("\">", out);
}

static void print_stack(FILE *out, const struct named_profile *named, const struct site_view *site)
{
    static struct named_stack stack;
    stack_name(&stack, named, site);
    size_t most = stack.own + FRAMES_MAX;
    fputs("<td class=\"stack\"><details><summary>", out);
    print_frame(out, stack.frames[stack.own]);
    if (site->label)
        fprintf(out, " <small>label %" PRIu32 "</small>", site->label);
    print_callers(out, &stack);
    fputs("</summary><ol>", out);
    for (size_t i = stack.own; i < stack.count && i < most; i++) {
        fputs("<li>", out);
        print_frame(out, stack.frames[i]);
        fputs("</li>", out);
    }
    fputs("</ol>", out);
    if (stack.count > most)
        fprintf(out, "<p>(%zu more)</p>", stack.count - most);
    fputs("</details></td>", out);
}

static void print_row(FILE *out, const struct named_profile *named, const struct site_view *site,
                      enum figure figure, double sum)
{
    double bytes = (double)site_bytes(site, figure);
    double count = site_count(site, figure);
    print_figures(out, site);
    fprintf(out, "<td>%s</td><td>%s</td><td>%.0f</td><td>%s</td>",
            text_of_size((uint64_t)bytes).bytes, text_of_percent(bytes, sum).bytes, whole(count),
            count > 0 ? text_of_size((uint64_t)(bytes / count + 0.5)).bytes : "-");
    print_stack(out, named, site);
    fputs("</tr>\n", out);
}

void stack_rows_print(FILE *out, const struct named_profile *named, enum figure figure)
{
    const struct profile_view *view = &named->view;
    size_t count;
    struct row *rows = choose_rows(view, figure, &count);
    double sum = sites_sum(view, figure);
    fprintf(out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Stacks\">"
            "<table class=\"stacks\"><caption>Stacks by <b>%s</b> bytes; open one to see its "
            "callers</caption>\n",
            figure_name(figure));
    fputs("<thead><tr><th scope=\"col\">bytes</th>"
          "<th scope=\"col\">share</th><th scope=\"col\">blocks</th><th scope=\"col\">average</th>"
          "<th scope=\"col\" class=\"stack\">stack</th></tr></thead>\n<tbody>\n",
          out);
    for (size_t i = 0; i < count; i++)
        print_row(out, named, rows[i].site, figure, sum);
    fputs("</tbody></table></div>\n", out);
    if (count < view->site_count)
        fprintf(out,
                "<p class=\"note stacks-rest\">%zu stack%s with less %s no row here; "
                "<code>hakmem sites --json</code> has all.</p>\n",
                view->site_count - count, view->site_count - count == 1 ? "" : "s",
                view->site_count - count == 1 ? "has" : "have");
    free(rows);
}
