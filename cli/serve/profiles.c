/* SPDX-License-Identifier: MIT */
/*
 * Reads the profile of one process, and writes it in the form that a collector of profiles wants.
 */
#include "serve/profiles.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heap/copy.h"
#include "look/top.h"
#include "serve/difference.h"
#include "serve/facts.h"
#include "serve/open.h"
#include "sites/formats.h"

static void wait_seconds(unsigned seconds)
{
    struct timespec left = {.tv_sec = seconds};
    while (nanosleep(&left, &left) != 0)
        ;
}

/* Read the profile at the beginning of a difference. Returns ANSWER_OK, or another status after
 * the line that says why. */
static unsigned read_first(const struct order *order, FILE *out, struct profile_view *first)
{
    struct target target;
    struct heap_view view;
    unsigned status = open_heap(order->pid, out, &target, &view);
    if (status != ANSWER_OK)
        return status;
    if (!profile_view_open(first, &view))
        status = open_failed(out, &target, ANSWER_CONFLICT);
    heap_view_close(&view);
    target_close(&target);
    return status;
}

static unsigned read_last(const struct order *order, FILE *out, struct named_profile *named)
{
    struct target target;
    struct heap_view view;
    unsigned status = open_heap(order->pid, out, &target, &view);
    if (status != ANSWER_OK)
        return status;
    if (!named_profile_open(named, &target, &view))
        status = open_failed(out, &target, ANSWER_CONFLICT);
    heap_view_close(&view);
    target_close(&target);
    return status;
}

static void write_profile(FILE *out, const struct named_profile *named, int form)
{
    if (form == PROFILE_GPERFTOOLS)
        format_gperftools(out, named, FIGURE_LIVE);
    else
        format_pprof(out, named, form == PROFILE_HEAP ? FIGURE_LIVE : FIGURE_ALLOCATED);
}

static unsigned write_difference(const struct order *order, FILE *out)
{
    struct profile_view first;
    struct named_profile last;
    uint64_t identity = facts_identity(order->pid);
    struct timespec now;
    unsigned status = read_first(order, out, &first);
    if (status != ANSWER_OK)
        return status;
    clock_gettime(CLOCK_REALTIME, &now);
    wait_seconds(order->seconds);
    if (facts_identity(order->pid) != identity) {
        fprintf(out, "process %d has ended, or runs another program now\n", (int)order->pid);
        return ANSWER_NOT_FOUND;
    }
    status = read_last(order, out, &last);
    if (status != ANSWER_OK)
        return status;
    difference_take(&last.view, &first);
    last.view.started_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    write_profile(out, &last, order->variant);
    return ANSWER_OK;
}

unsigned profile_work(const struct order *order, FILE *out, enum content *content)
{
    struct named_profile named;
    unsigned status = order->seconds ? write_difference(order, out) : read_last(order, out, &named);
    if (status == ANSWER_OK && !order->seconds)
        write_profile(out, &named, order->variant);
    if (status == ANSWER_OK && order->variant != PROFILE_GPERFTOOLS)
        *content = CONTENT_PPROF;
    return status;
}

/* ---- for google-pprof ---- */

/* Two hyphens end a name there, and so does a newline. */
static void put_name(FILE *out, const char *name)
{
    for (; *name; name++) {
        fputc(*name, out);
        if (name[0] == '-' && name[1] == '-')
            fputc(' ', out);
    }
}

/* Write the names at an address: the function that has the code first, then functions that were
 * inlined into it. */
static void put_names(FILE *out, const struct symbols *symbols, uint64_t address)
{
    size_t count;
    const struct frame *frames = symbols_at(symbols, address, &count);
    fprintf(out, "0x%" PRIx64 "\t", address);
    for (size_t i = count; i-- > 0;) {
        put_name(out, frames[i].function);
        fputs(i > 0 ? "--" : "\n", out);
    }
}

unsigned symbols_work(const struct order *order, FILE *out, enum content *content)
{
    struct target target;
    struct heap_view view;
    struct symbols symbols;
    struct site_view site = {.frames = order->addresses, .depth = (uint32_t)order->address_count};
    const struct profile_view asked = {.sites = &site, .site_count = 1};
    unsigned status = open_heap(order->pid, out, &target, &view);
    *content = CONTENT_TEXT;
    if (status != ANSWER_OK)
        return status;
    symbols_find(&symbols, &target, &asked);
    for (size_t i = 0; i < symbols.count; i++)
        put_names(out, &symbols, symbols.addresses[i]);
    return ANSWER_OK;
}

unsigned command_work(const struct order *order, FILE *out, enum content *content)
{
    struct top_process process = {.pid = order->pid};
    struct target target;
    struct heap_view view;
    unsigned status = open_heap(order->pid, out, &target, &view);
    *content = CONTENT_TEXT;
    if (status != ANSWER_OK)
        return status;
    top_read_words(&process);
    fprintf(out, "%s\n", process.command[0] ? process.command : process.program);
    return ANSWER_OK;
}
