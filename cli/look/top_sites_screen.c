/* SPDX-License-Identifier: MIT */
/*
 * Draws the call stacks that asked for the memory of a process: a row for each stack.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "look/top.h"
#include "look/top_lines.h"
#include "sites/sites_table.h"

#define FIELDS 5

static const int widths[FIELDS] = {10, 8, 9, 11, 11};

static struct short_text text_of_bytes(double bytes)
{
    return text_of_size(bytes < 0x1p62 ? (uint64_t)bytes : UINT64_C(1) << 62);
}

static struct short_text text_of_change(double change)
{
    struct short_text text = {""};
    if (change >= 1 || change <= -1)
        snprintf(text.bytes, sizeof text.bytes, "%c%.20s", change > 0 ? '+' : '-',
                 text_of_bytes(fabs(change)).bytes);
    return text;
}

/* The functions of a stack, innermost first, as far as there is room. */
static void write_stack(char *text, size_t size, const struct named_profile *named,
                        const struct site_view *site)
{
    static struct named_stack stack;
    size_t length = 0;
    stack_name(&stack, named, site);
    for (size_t i = stack.own; i < stack.count && length < size; i++) {
        const struct frame *frame = stack.frames[i];
        if (i > stack.own && strncmp(frame->function, "__libc_start_", 13) == 0)
            return;
        length += (size_t)snprintf(text + length, size - length, "%s%s", i > stack.own ? " < " : "",
                                   frame->function);
        const char *slash = frame->file ? strrchr(frame->file, '/') : NULL;
        if (i == stack.own && frame->file && length < size)
            length += (size_t)snprintf(text + length, size - length, " %s:%" PRIu32,
                                       slash ? slash + 1 : frame->file, frame->line);
    }
}

static void draw_site(const struct top *top, int at, const struct site_view *site, double sum)
{
    const struct top_sites *sites = &top->sites;
    struct top_line line = {.width = 0};
    char stack[512] = "";
    char blocks[24];
    double bytes = (double)site_bytes(site, top->figure);
    snprintf(blocks, sizeof blocks, "%.0f", ceil(site_count(site, top->figure)));
    const char *const fields[FIELDS] = {
        text_of_bytes(bytes).bytes, text_of_percent(bytes, sum).bytes, blocks,
        text_of_bytes((double)site->live_bytes).bytes,
        text_of_change(sites->changes[site - sites->named.view.sites]).bytes};
    for (size_t i = 0; i < FIELDS; i++)
        top_add_field(&line, widths[i], fields[i]);
    write_stack(stack, sizeof stack, &sites->named, site);
    top_put_line(at, A_NORMAL, "%s  %s", line.text, stack);
}

static void draw_titles(const struct top *top, int at)
{
    struct top_line line = {.width = 0};
    const char *const titles[FIELDS] = {figure_name(top->figure), "share", "blocks", "live",
                                        "change"};
    for (size_t i = 0; i < FIELDS; i++)
        top_add_field(&line, widths[i], titles[i]);
    top_put_line(at, A_REVERSE, "%s  who asked for it", line.text);
}

void top_draw_sites(const struct top *top, int line)
{
    const struct top_sites *sites = &top->sites;
    if (!sites->is_read) {
        top_put_line(line, A_NORMAL, "%s", sites->trouble);
        return;
    }
    size_t count;
    const struct profile_view *view = &sites->named.view;
    const struct site_view **order = sites_rank(view, top->figure, &count);
    double sum = sites_sum(view, top->figure);
    top_put_line(line++, A_NORMAL, "%s %s, sampled every %s on average", text_of_bytes(sum).bytes,
                 figure_title(top->figure), text_of_size(view->interval).bytes);
    draw_titles(top, line++);
    for (size_t i = top->site_first; i < count && line < LINES - 1; i++)
        draw_site(top, line++, order[i], sum);
    free(order);
}
