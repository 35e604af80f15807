/* SPDX-License-Identifier: MIT */
/*
 * Reads a profile with its names, sorts its sites, and finds the frame of a stack that a reader
 * wants to see first: the function that asked for the memory.
 */
#include "sites/stacks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "heap/choose.h"
#include "heap/pinners.h"
#include "heap/profile_samples.h"

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void note_target(struct named_profile *named, struct target *target)
{
    named->read_ms = wall_ms();
    snprintf(named->title, sizeof named->title, "%s", choice_title(target));
    memcpy(named->program, target->program, sizeof named->program);
    modules_find(&named->symbols.modules, target);
}

bool named_profile_read(struct named_profile *named, struct target *target, struct heap_view *view)
{
    *named = (struct named_profile){.pid = target->is_core ? 0 : target->pid};
    if (!profile_view_open(&named->view, view))
        return false;
    pinners_find(&named->view, view);
    note_target(named, target);
    return true;
}

void named_profile_find_names(struct named_profile *named)
{
    const struct modules modules = named->symbols.modules;
    symbols_find_in(&named->symbols, &modules, named->pid, &named->view);
}

bool named_profile_open(struct named_profile *named, struct target *target, struct heap_view *view)
{
    bool is_read = named_profile_read(named, target, view);
    if (is_read)
        named_profile_find_names(named);
    return is_read;
}

static bool has_names(const struct named_profile *named)
{
    for (size_t i = 0; i < named->view.site_count; i++)
        for (uint32_t j = 0; j < named->view.sites[i].depth; j++)
            if (symbols_number(&named->symbols, named->view.sites[i].frames[j]) ==
                named->symbols.count)
                return false;
    return true;
}

bool named_profile_again(struct named_profile *named, struct target *target, struct heap_view *view)
{
    struct profile_view fresh;
    struct symbols symbols = named->symbols;
    if (!profile_view_open(&fresh, view))
        return false;
    pinners_find(&fresh, view);
    profile_view_close(&named->view);
    named->view = fresh;
    if (has_names(named)) {
        named->read_ms = wall_ms();
        return true;
    }
    memset(&named->symbols, 0, sizeof named->symbols);
    note_target(named, target);
    named_profile_find_names(named);
    symbols_free(&symbols);
    return true;
}

const struct sample_view *named_profile_open_block(struct named_profile *named,
                                                   struct target *target, struct heap_view *view,
                                                   uint64_t address)
{
    *named = (struct named_profile){.pid = target->is_core ? 0 : target->pid};
    if (!profile_view_open(&named->view, view))
        return NULL;
    const struct sample_view *sample = profile_samples_find(&named->view, address);
    if (sample && sample->site != SAMPLE_NO_SITE)
        named->view.sites[0] = named->view.sites[sample->site];
    named->view.site_count = sample && sample->site != SAMPLE_NO_SITE;
    note_target(named, target);
    if (named->view.site_count > 0)
        named_profile_find_names(named);
    return sample;
}

void named_profile_close(struct named_profile *named)
{
    symbols_free(&named->symbols);
    profile_view_close(&named->view);
}

/* ---- stacks ---- */

/* Functions that only pass on the memory of an allocator: whole names. */
static const char *const whole_names[] = {
    "malloc",          "calloc",          "realloc",          "reallocarray",
    "aligned_alloc",   "posix_memalign",  "memalign",         "valloc",
    "pvalloc",         "xmalloc",         "xcalloc",          "xrealloc",
    "__libc_malloc",   "__libc_calloc",   "__libc_realloc",   "zmalloc",
    "zmalloc_usable",  "zcalloc",         "zrealloc",         "g_malloc",
    "g_malloc0",       "g_realloc",       "g_slice_alloc",    "PyMem_Malloc",
    "PyMem_RawMalloc", "PyObject_Malloc", "_PyObject_Malloc", "_PyMem_RawMalloc",
    "__rust_alloc",    "__rdl_alloc",     "__rust_realloc",   "__rust_alloc_zeroed",
    "zrealloc_usable", "zcalloc_num",     "ztrymalloc",       "ztrymalloc_usable",
};

static const char *const first_parts[] = {
    "operator new",
    "hak_alloc",
    "hak_heap_alloc",
    "hak_malloc",
    "hak_calloc",
    "hak_realloc",
    "hak_aligned",
    "__gnu_cxx::new_allocator<",
    "std::__new_allocator<",
    "std::allocator<",
    "std::allocator_traits<",
    "std::_Vector_base<",
    "alloc::alloc::",
    "<alloc::alloc::Global",
    "alloc::raw_vec::",
};

/* Templates are named with the type that they return before them, or without. */
static const char *const inner_parts[] = {"::_M_allocate(", "::_M_create(", "::_M_get_node("};

bool stack_is_allocator(const char *function)
{
    for (size_t i = 0; i < sizeof whole_names / sizeof whole_names[0]; i++)
        if (strcmp(function, whole_names[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof first_parts / sizeof first_parts[0]; i++)
        if (strncmp(function, first_parts[i], strlen(first_parts[i])) == 0)
            return true;
    for (size_t i = 0; i < sizeof inner_parts / sizeof inner_parts[0]; i++)
        if (strstr(function, inner_parts[i]))
            return true;
    return false;
}

/* Is it like "<u8 as alloc::...>", a method of Rust's library for a type of the language? */
static bool is_for_language_type(const char *function)
{
    const char *as = function[0] == '<' ? strstr(function, " as ") : NULL;
    const char *path = strstr(function, "::");
    return as && path > as &&
           (strncmp(as, " as alloc::", 11) == 0 || strncmp(as, " as core::", 10) == 0 ||
            strncmp(as, " as std::", 9) == 0);
}

bool stack_is_library(const char *function)
{
    static const char *const parts[] = {
        "std::", "__gnu_cxx::", "alloc::", "core::", "<alloc::", "<core::", "<std::"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strncmp(function, parts[i], strlen(parts[i])) == 0)
            return true;
    return is_for_language_type(function);
}

static bool is_of_library(const struct frame *frame)
{
    return frame->module && strncmp(frame->module->name, "libhakmem.so", 12) == 0;
}

/* Linked into the program, the allocator's functions have no module of their own: they lie below
 * malloc or another name of its interface. */
#define OWN_FRAMES_MAX 12

static size_t count_skipped(const struct named_stack *stack)
{
    size_t skipped = 0;
    for (size_t i = 0; i < stack->count && i < OWN_FRAMES_MAX; i++)
        if (is_of_library(stack->frames[i]) || stack_is_allocator(stack->frames[i]->function))
            skipped = i + 1;
    while (skipped < stack->count && stack_is_allocator(stack->frames[skipped]->function))
        skipped++;
    return skipped < stack->count ? skipped : stack->count - 1;
}

void stack_name(struct named_stack *stack, const struct named_profile *named,
                const struct site_view *site)
{
    static const struct frame not_kept = {.function = "(stack not kept)"};
    stack->count = 0;
    if (site->depth == 0)
        stack->frames[stack->count++] = &not_kept;
    for (uint32_t i = 0; i < site->depth; i++) {
        size_t count;
        const struct frame *frames = symbols_at(&named->symbols, site->frames[i], &count);
        for (size_t j = 0; j < count && stack->count < STACK_FRAMES_MAX; j++)
            stack->frames[stack->count++] = &frames[j];
    }
    stack->skipped = count_skipped(stack);
    stack->own = stack->skipped;
    while (stack->own < stack->count && stack_is_library(stack->frames[stack->own]->function))
        stack->own++;
    if (stack->own == stack->count)
        stack->own = stack->skipped;
}

uint32_t stack_first_address(const struct named_profile *named, const struct site_view *site)
{
    static struct named_stack stack;
    size_t before = 0;
    uint32_t index = 0;
    stack_name(&stack, named, site);
    while (index < site->depth) {
        size_t count;
        symbols_at(&named->symbols, site->frames[index], &count);
        before += count;
        if (before > stack.skipped)
            break;
        index++;
    }
    return index;
}

/* ---- figures ---- */

uint64_t site_bytes(const struct site_view *site, enum figure figure)
{
    switch (figure) {
    case FIGURE_LIVE: return site->live_bytes;
    case FIGURE_PEAK: return site->peak_bytes;
    case FIGURE_PINNED: return (uint64_t)(site->pinned_bytes + 0.5);
    default: return site->alloc_bytes;
    }
}

double site_count(const struct site_view *site, enum figure figure)
{
    switch (figure) {
    case FIGURE_LIVE: return site->live_count;
    case FIGURE_PEAK: return site->peak_count;
    case FIGURE_PINNED: return site->pinned_count;
    default: return site->alloc_count;
    }
}

static int compare_sites(const void *a, const void *b, void *figure)
{
    uint64_t left = site_bytes(*(const struct site_view *const *)a, *(const enum figure *)figure);
    uint64_t right = site_bytes(*(const struct site_view *const *)b, *(const enum figure *)figure);
    return (left < right) - (left > right);
}

const struct site_view **sites_rank(const struct profile_view *named, enum figure figure,
                                    size_t *count)
{
    const struct site_view **order = memory_resize(NULL, named->site_count + 1, sizeof *order);
    *count = 0;
    for (size_t i = 0; i < named->site_count; i++)
        if (site_bytes(&named->sites[i], figure) > 0)
            order[(*count)++] = &named->sites[i];
    qsort_r(order, *count, sizeof *order, compare_sites, &figure);
    return order;
}

double sites_sum(const struct profile_view *named, enum figure figure)
{
    double sum = 0;
    for (size_t i = 0; i < named->site_count; i++)
        sum += (double)site_bytes(&named->sites[i], figure);
    return sum;
}

double site_life_ms(const struct site_view *site, double share)
{
    double sum = 0;
    double so_far = 0;
    for (size_t i = 0; i < PROFILE_LIFETIMES; i++)
        sum += site->lifetimes[i];
    for (size_t i = 0; i < PROFILE_LIFETIMES && sum > 0; i++) {
        so_far += site->lifetimes[i];
        if (so_far >= share * sum)
            return (double)(UINT64_C(1) << i);
    }
    return 0;
}
