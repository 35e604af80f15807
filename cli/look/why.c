/* SPDX-License-Identifier: MIT */
/*
 * `hakmem why`: tells about an address: the block there and its state, its slab, its neighbours, or
 * what else is there.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/message.h"
#include "base/text.h"
#include "heap/caches.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "heap/extents.h"
#include "heap/find_root.h"
#include "heap/process.h"
#include "heap/residency.h"
#include "heap/symbol.h"
#include "look/verbs.h"
#include "sites/sites_table.h"

/* Neighbours that are shown on each side. */
#define NEIGHBOURS 3
#define LABEL "  %-10s "

static const char *const state_words[] = {
    [BLOCK_LIVE] = "live",
    [BLOCK_FREE] = "free in its slab",
    [BLOCK_IN_THREAD] = "free in a thread cache",
    [BLOCK_IN_DEPOT] = "free in the depot",
};

/* ---- blocks ---- */

static const char *lane_word(const union seen_slab *slab)
{
    return lane_titles[slab->state == SLAB_HUGE ? HAK_LANE_HUGE : lane_of_class(slab->size_class)];
}

/* Print which cache has the block at `address`. */
static void print_holder(const struct heap_view *view, uint64_t address)
{
    size_t at = heap_caches_find(view, address);
    if (at == view->cached_count || view->cached[at].address != address ||
        view->cached[at].holder == HOLDER_DEPOT)
        return;
    const struct thread_view *thread = &view->threads[view->cached[at].holder];
    printf(LABEL "the cache of thread %" PRIu32 "%s%s%s\n", "holder", thread->thread_id,
           thread->name[0] ? " (" : "", thread->name, thread->name[0] ? ")" : "");
}

static void print_owner(const struct heap_view *view, const union seen_slab *slab)
{
    bool is_shared = slab->state == SLAB_BLOCKS
                         ? (const void *)slab->owner == (const void *)view->root.shared_pool
                         : slab->owner == NULL;
    if (!is_shared)
        printf(LABEL "an owned heap (hak_heap_new), by the address of its records %p\n", "owner",
               slab->owner);
}

static void print_page(const struct heap_view *view, uint64_t address)
{
    uint8_t is_present;
    target_present(view->target, address & ~(uint64_t)(TARGET_PAGE - 1), 1, &is_present);
    if (view->target->is_core)
        printf(LABEL "%s\n", "page", is_present ? "with content" : "all zero, or not dumped");
    else
        printf(LABEL "%s\n", "page", is_present ? "resident" : "not resident");
}

static void print_neighbours(const struct extent *extent, const uint8_t *states, unsigned count,
                             unsigned index)
{
    unsigned first = index > NEIGHBOURS ? index - NEIGHBOURS : 0;
    unsigned last = index + NEIGHBOURS < count ? index + NEIGHBOURS : count - 1;
    for (unsigned i = first; i <= last; i++) {
        bool is_fresh = states[i] == BLOCK_FREE && i >= seen_pooled(extent->slab)->carved;
        if (i != index)
            printf(LABEL "0x%" PRIx64 " %s\n", i < index ? "before" : "after",
                   extent->start + i * extent->slab->size,
                   is_fresh ? "never handed out" : state_words[states[i]]);
    }
}

static void print_slab(const struct extent *extent, const uint8_t *states, unsigned count)
{
    unsigned of[BLOCK_STATES] = {0};
    for (unsigned i = 0; i < count; i++)
        of[states[i]]++;
    printf(LABEL "0x%" PRIx64 ", %s, %u block%s: %u live, %u cached by threads, %u in the depot, "
                 "%u free\n",
           "slab", extent->start, text_of_size(extent->bytes).bytes, count, count == 1 ? "" : "s",
           of[BLOCK_LIVE], of[BLOCK_IN_THREAD], of[BLOCK_IN_DEPOT], of[BLOCK_FREE]);
}

static void print_bounds(const struct extent *extent, uint64_t start, uint64_t address)
{
    uint64_t size = extent->slab->size;
    printf(LABEL "[0x%" PRIx64 ", 0x%" PRIx64 "), %" PRIu64 " bytes, %s lane", "block", start,
           start + size, size, lane_word(extent->slab));
    if (extent->kind != EXTENT_HUGE)
        printf(", size class %u", extent->slab->size_class);
    printf("\n" LABEL "%" PRIu64 " bytes from the block's start, %" PRIu64 " before its end\n",
           "address", address - start, start + size - address);
}

/* The most frames that are shown of the stack that asked for a block. */
#define FRAMES_SHOWN 16
#define COLUMNS 80

/* A core does not say when it was written. */
static void print_sample(const struct heap_view *view, const struct named_profile *named,
                         const struct sample_view *sample)
{
    struct timespec now;
    char name[16];
    clock_gettime(CLOCK_MONOTONIC, &now);
    double now_ms = (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
    double age = now_ms - (double)sample->at_ms;
    double since = (double)sample->at_ms - (double)named->view.started_at_ms;
    printf(LABEL "%" PRIu64 " bytes, ", "asked for", sample->requested);
    if (view->target->is_core)
        printf("%s after profiling began", text_of_ms(since > 0 ? since : 0).bytes);
    else
        printf("%s ago", text_of_ms(age > 0 ? age : 0).bytes);
    target_thread_name(view->target, sample->thread, name);
    if (sample->thread > 0)
        printf(", by thread %" PRIu32 "%s%s%s", sample->thread, name[0] ? " (" : "", name,
               name[0] ? ")" : "");
    puts(", in");
    const struct table_form form = {.frames = FRAMES_SHOWN, .width = COLUMNS};
    if (named->view.site_count > 0)
        sites_print_stack(stdout, named, &named->view.sites[0], &form);
}

/* Print why the stack of a block is not known. */
static void print_no_sample(const struct profile_view *copied, uint64_t size)
{
    double part = -expm1(-(double)size / (double)copied->interval);
    if (copied->interval <= 1)
        printf(LABEL "not known: the block is older than the profile, or had no room in it\n",
               "asked for");
    else
        printf(LABEL "not known: one of %.0f blocks of this size is sampled, not this one;\n" LABEL
                     "with HAKMEM_PROFILE_INTERVAL=1 all are\n",
               "asked for", ceil(1 / part), "");
}

/* Print the size, the time, the thread and the stack of the request for the live block at an
 * address. */
static void print_who(struct heap_view *view, uint64_t address, uint64_t size)
{
    static struct named_profile named;
    struct target *target = view->target;
    const struct sample_view *sample = named_profile_open_block(&named, target, view, address);
    if (sample)
        print_sample(view, &named, sample);
    else if (named.view.interval > 0)
        print_no_sample(&named.view, size);
    else if (target->is_damaged || target->is_gone)
        printf(LABEL "not known: its profile cannot be read\n", "asked for");
    else
        printf(LABEL "not known: profiling is not on in it (start it with HAKMEM_PROFILE=1)\n",
               "asked for");
    named_profile_close(&named);
}

/* Print an address in an extent that has blocks. */
static void print_block(struct heap_view *view, const struct extent *extent, uint64_t address)
{
    uint8_t states[EXTENT_BLOCKS_MAX];
    unsigned count = heap_block_states(view, extent, states);
    uint64_t index = (address - extent->start) / extent->slab->size;
    uint64_t start = extent->start + index * extent->slab->size;
    if (index >= count) {
        printf("unused: behind the last block of its %s\n",
               extent->kind == EXTENT_BLOCKS ? "slab" : "span");
        print_page(view, address);
        return;
    }
    bool is_fresh = extent->kind == EXTENT_BLOCKS && states[index] == BLOCK_FREE &&
                    index >= seen_pooled(extent->slab)->carved;
    printf("%s\n", is_fresh ? "free: never handed out" : state_words[states[index]]);
    print_bounds(extent, start, address);
    if (states[index] == BLOCK_IN_THREAD)
        print_holder(view, start);
    print_owner(view, extent->slab);
    if (states[index] == BLOCK_LIVE)
        print_who(view, start, extent->slab->size);
    if (extent->kind == EXTENT_BLOCKS)
        print_slab(extent, states, count);
    print_page(view, address);
    if (extent->kind == EXTENT_BLOCKS)
        print_neighbours(extent, states, count, (unsigned)index);
}

/* ---- addresses that are in no block ---- */

static void print_mapping(const struct heap_view *view, uint64_t address)
{
    const struct mapping *mapping = target_mapping(view->target, address);
    struct symbol symbol;
    char path[128];
    if (!mapping) {
        printf("not the heap's, and in no %s\n",
               view->target->is_core ? "file that the core names" : "mapping");
        return;
    }
    bool is_named = target_symbol_at(view->target, address, &symbol);
    const struct mapping *file = is_named ? target_file_at(view->target, address) : mapping;
    snprintf(path, sizeof path, "%s", file->path[0] ? file->path : "memory of no name");
    target_make_printable(path);
    printf("not the heap's: in %s%s\n", file == mapping ? "" : "zeroed data of ", path);
    if (is_named)
        printf(LABEL "%s, %" PRIu64 " bytes from its start, %" PRIu64 " before its end\n", "symbol",
               symbol.name, symbol.into, symbol.size - symbol.into);
    printf(LABEL "[0x%" PRIx64 ", 0x%" PRIx64 "), %s\n", "mapping", mapping->start, mapping->end,
           text_of_size(mapping->end - mapping->start).bytes);
}

/* Print an address in the reservation, but before the first superslab. */
static void print_head(const struct heap_view *view, uint64_t address)
{
    const char *what = "the slab map";
    if (address >= (uintptr_t)view->meta.start)
        what = address < (uintptr_t)view->meta.at ? "metadata" : "metadata, not used yet";
    else if (address >= (uintptr_t)view->space.taken)
        what = "the map of taken superslabs";
    else if (address >= (uintptr_t)view->space.superslabs)
        what = "the table of superslabs";
    printf("the allocator's own: %s\n", what);
    print_page(view, address);
}

static void print_free_extent(const struct heap_view *view, const struct extent *extent,
                              uint64_t address)
{
    puts(extent->kind == EXTENT_WARM   ? "free: in slabs that are kept ready (purgeable)"
         : extent->kind == EXTENT_COLD ? "free address space of the heap"
                                       : "not known: changed while it was read, or not the heap's");
    printf(LABEL "[0x%" PRIx64 ", 0x%" PRIx64 "), %s\n", "range", extent->start,
           extent->start + extent->bytes, text_of_size(extent->bytes).bytes);
    print_page(view, address);
}

static void print_address(struct heap_view *view, uint64_t address)
{
    struct extent extent;
    printf("0x%" PRIx64 " in %s: ", address, choice_title(view->target));
    if (view->is_empty || address < view->base ||
        address - view->base >= view->space.count << SUPERSLAB_SHIFT)
        print_mapping(view, address);
    else if (address < heap_start(view))
        print_head(view, address);
    else if (address >= heap_end(view))
        puts("address space of the heap that has never been used");
    else if (heap_extent_of(view, address, &extent) && extent.slab)
        print_block(view, &extent, address);
    else
        print_free_extent(view, &extent, address);
}

/* ---- the verb ---- */

struct why_input {
    struct choice choice;
    const char *words[2];
    unsigned count;
};

static error_t parse_why(int key, char *argument, struct argp_state *state)
{
    struct why_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case CHOICE_KEY_CORE: input->choice.core = argument; return 0;
    case ARGP_KEY_ARG:
        if (input->count == (input->choice.core ? 1 : 2))
            exit(cli_fail(EXIT_USAGE, "hakmem why: '%.60s' is one word too many", argument));
        input->words[input->count++] = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static uint64_t parse_address(const char *text)
{
    const char *digits = strncmp(text, "0x", 2) == 0 ? text + 2 : text;
    if (digits[0] == '\0' || digits[strspn(digits, "0123456789abcdefABCDEF")] != '\0' ||
        strlen(digits) > 16)
        exit(cli_fail(EXIT_USAGE,
                      "hakmem why: '%.60s' is not an address: expected hexadecimal digits", text));
    return strtoull(digits, NULL, 16);
}

int why_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        CHOICE_OPTION_CORE,
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_why,
        .args_doc = "PID ADDRESS\n--core FILE ADDRESS",
        .doc = "Say what lies at an address (hexadecimal) of a process: the block, whether it is "
               "live, cached or free, its slab and its neighbours; of a live block that a profile "
               "has sampled, who asked for it.",
    };
    struct why_input input = {.choice = {.command = "hakmem why"}};
    struct target target;
    struct heap_view view;
    cli_parse(&argp, argc, argv, &input);
    if (!input.choice.core && input.count > 0)
        input.choice.pid = input.words[0];
    if (input.count < (input.choice.core ? 1 : 2))
        return cli_fail(EXIT_USAGE, "hakmem why: no %s given (see hakmem why --help)",
                        input.count || input.choice.core ? "address" : "process");
    uint64_t address = parse_address(input.words[input.count - 1]);
    choice_open(&input.choice, &target, &view);
    print_address(&view, address);
    heap_view_close(&view);
    target_close(&target);
    return EXIT_SUCCESS;
}
