/* SPDX-License-Identifier: MIT */
/*
 * Divides the sampled blocks of a process at its end into lost ones and reachable ones.
 */
#include "sites/leaks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "heap/copy.h"
#include "heap/find_root.h"
#include "heap/process.h"
#include "sites/same_stacks.h"
#include "sites/sites_table.h"

#define FRAMES_SHOWN 12
#define COLUMNS 80

static void add(struct leak_sum *sum, const struct leak_sum *more)
{
    sum->blocks += more->blocks;
    sum->bytes += more->bytes;
}

/* ---- one process ---- */

static void divide_samples(struct leaks *leaks, const struct reach *reach)
{
    const struct profile_view *view = &leaks->named.view;
    size_t size = (view->site_count + 1) * sizeof(struct leak_sum);
    leaks->lost = memset(memory_resize(NULL, size, 1), 0, size);
    leaks->reachable = memset(memory_resize(NULL, size, 1), 0, size);
    leaks->nameless = (double)reach->lost_blocks;
    for (size_t i = 0; i < view->sample_count; i++) {
        const struct sample_view *sample = &view->samples[i];
        const struct leak_sum one = {sample->weight, sample->weight * (double)sample->requested};
        if (sample->site == SAMPLE_NO_SITE)
            continue;
        bool is_lost = !reach_has(reach, sample->address);
        add(is_lost ? &leaks->lost[sample->site] : &leaks->reachable[sample->site], &one);
        leaks->nameless -= is_lost ? sample->weight : 0;
    }
    leaks->lost_blocks = reach->lost_blocks;
    leaks->lost_bytes = reach->lost_bytes;
    leaks->is_partial = reach->is_partial;
}

static void sum_up(struct leaks *leaks, const struct suppressions *suppressions)
{
    static struct named_stack stack;
    const struct profile_view *view = &leaks->named.view;
    for (size_t i = 0; i < view->site_count; i++) {
        if (suppressions->count > 0 && leaks->lost[i].blocks + leaks->reachable[i].blocks > 0) {
            stack_name(&stack, &leaks->named, &view->sites[i]);
            if (suppressions_match(suppressions, &stack)) {
                add(&leaks->suppressed, &leaks->lost[i]);
                leaks->lost[i] = leaks->reachable[i] = (struct leak_sum){0};
            }
        }
        add(&leaks->all_lost, &leaks->lost[i]);
        add(&leaks->all_reachable, &leaks->reachable[i]);
    }
}

static bool look(struct leaks *leaks, struct target *target, const struct stopped *stopped)
{
    struct heap_view view;
    struct reach reach;
    if (!heap_view_open(&view, target))
        return false;
    bool is_read = named_profile_open(&leaks->named, target, &view);
    if (is_read) {
        struct reach_hole holes[] = {
            {leaks->named.view.memory_start, leaks->named.view.memory_end},
            {(uintptr_t)view.root.state_start, (uintptr_t)view.root.state_end},
            {0, 0},
        };
        target_library_data(target, view.root_address, &holes[2].start, &holes[2].end);
        reach_find(&reach, &view, stopped, holes, sizeof holes / sizeof holes[0]);
        divide_samples(leaks, &reach);
        reach_free(&reach);
    }
    heap_view_close(&view);
    return is_read;
}

bool leaks_find(struct leaks *leaks, pid_t pid, const struct suppressions *suppressions,
                char *error, size_t error_size)
{
    struct stopped stopped;
    struct target target;
    memset(leaks, 0, sizeof *leaks);
    stopped_begin(&stopped, pid);
    bool is_open = target_open_process(&target, pid);
    bool is_read = is_open && look(leaks, &target, &stopped);
    if (!is_read)
        snprintf(error, error_size, "%s", target.error);
    if (is_open)
        target_close(&target);
    stopped_end(&stopped);
    if (is_read)
        sum_up(leaks, suppressions);
    return is_read;
}

void leaks_free(struct leaks *leaks)
{
    named_profile_close(&leaks->named);
    free(leaks->lost);
    free(leaks->reachable);
}

/* ---- text ---- */

static void print_sum(FILE *out, const struct leak_sum *sum)
{
    fprintf(out, "%.0f block%s, %s", sum->blocks,
            sum->blocks >= 0.5 && sum->blocks < 1.5 ? "" : "s",
            text_of_size((uint64_t)sum->bytes).bytes);
}

/* Print the rows as the table of sites does, with the lost bytes in place of the live ones. */
static void print_rows(FILE *out, const struct leaks *leaks, const struct leak_sum *sums)
{
    const struct table_form form = {
        .figure = FIGURE_LIVE, .rows = SIZE_MAX, .frames = FRAMES_SHOWN, .width = COLUMNS};
    struct named_profile named = leaks->named;
    size_t count = named.view.site_count;
    named.view.sites = memory_resize(NULL, count + 1, sizeof *named.view.sites);
    if (count > 0)
        memcpy(named.view.sites, leaks->named.view.sites, count * sizeof *named.view.sites);
    for (size_t i = 0; i < count; i++) {
        named.view.sites[i].live_bytes = (uint64_t)(sums[i].bytes + 0.5);
        named.view.sites[i].live_count = sums[i].blocks;
        /* a block of 0 bytes needs a row, too */
        if (sums[i].blocks > 0 && named.view.sites[i].live_bytes == 0)
            named.view.sites[i].live_bytes = 1;
    }
    struct site_view *sites = named.view.sites;
    named.view.sites = same_stacks_join(&named, &named.view.site_count);
    free(sites);
    sites_print_rows(out, &named, &form);
    free(named.view.sites);
}

static bool is_exact(const struct leaks *leaks)
{
    return leaks->named.view.interval <= 1;
}

static void print_nameless(FILE *out, const struct leaks *leaks)
{
    if (is_exact(leaks) && leaks->nameless >= 1)
        fprintf(out, "%.0f more block%s lost, with a stack that is not known\n", leaks->nameless,
                leaks->nameless < 2 ? " is" : "s are");
    if (!is_exact(leaks))
        fprintf(out,
                "estimated from samples; exact, with suppressed ones: %" PRIu64
                " lost block%s, %s\n",
                leaks->lost_blocks, leaks->lost_blocks == 1 ? "" : "s",
                text_of_size(leaks->lost_bytes).bytes);
    if (leaks->named.view.dropped > 0)
        fprintf(out, "no room for samples or stacks, %" PRIu64 " times (HAKMEM_PROFILE_MEMORY)\n",
                leaks->named.view.dropped);
    if (leaks->is_partial)
        fputs("not all of its memory could be looked at: some of these blocks may not be lost\n",
              out);
}

void leaks_print(FILE *out, const struct leaks *leaks, bool is_all)
{
    fprintf(out, "%s: ", leaks->named.title);
    print_sum(out, &leaks->all_lost);
    fputs(" lost: not reachable any more\n", out);
    print_rows(out, leaks, leaks->lost);
    if (leaks->all_lost.blocks > 0)
        fputc('\n', out);
    fputs("still reachable: ", out);
    print_sum(out, &leaks->all_reachable);
    fputc('\n', out);
    if (is_all) {
        print_rows(out, leaks, leaks->reachable);
        fputc('\n', out);
    }
    if (leaks->suppressed.blocks > 0) {
        fputs("lost, but suppressed: ", out);
        print_sum(out, &leaks->suppressed);
        fputc('\n', out);
    }
    print_nameless(out, leaks);
}

/* ---- JSON ---- */

static void json_sums(FILE *out, const struct leak_sum *lost, const struct leak_sum *reachable)
{
    fprintf(out,
            ",\"lost_blocks\":%.2f,\"lost_bytes\":%.0f,\"reachable_blocks\":%.2f,"
            "\"reachable_bytes\":%.0f",
            lost->blocks, lost->bytes, reachable->blocks, reachable->bytes);
}

void leaks_print_json(FILE *out, const struct leaks *leaks)
{
    const struct profile_view *view = &leaks->named.view;
    const char *comma = "";
    fputs("{\"program\":", out);
    json_text(out, leaks->named.program);
    fprintf(out, ",\"interval_bytes\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"partial\":%s",
            view->interval, view->dropped, leaks->is_partial ? "true" : "false");
    json_sums(out, &leaks->all_lost, &leaks->all_reachable);
    fprintf(out, ",\"suppressed_blocks\":%.2f,\"suppressed_bytes\":%.0f", leaks->suppressed.blocks,
            leaks->suppressed.bytes);
    fprintf(out, ",\"heap_lost_blocks\":%" PRIu64 ",\"heap_lost_bytes\":%" PRIu64 ",\n\"sites\":[",
            leaks->lost_blocks, leaks->lost_bytes);
    for (size_t i = 0; i < view->site_count; i++) {
        if (leaks->lost[i].blocks + leaks->reachable[i].blocks <= 0)
            continue;
        fprintf(out, "%s\n{\"label\":%" PRIu32, comma, view->sites[i].label);
        json_sums(out, &leaks->lost[i], &leaks->reachable[i]);
        fputs(",\n ", out);
        sites_print_json_stack(out, &leaks->named, &view->sites[i]);
        fputc('}', out);
        comma = ",";
    }
    fputs("]}", out);
}
