/* SPDX-License-Identifier: MIT */
/*
 * Advice on a program's memory. Each piece of advice is shown with its evidence, and with the most
 * that it can gain. One look alone is no evidence: memory that is free for a moment will be used
 * again.
 */
#include "run/heap_advice.h"

#include <inttypes.h>
#include <math.h>

#include "base/text.h"
#include "lane/lane.h"
#include "run/growth_advice.h"

/* Amounts below this are not mentioned. */
#define LEAST_BYTES ((double)(1 << 20))
/* Free memory is mentioned from this share of the resident memory on. */
#define FREE_SHARE 0.10
#define OTHERS_SHARE 0.5
/* Free memory counts if each look in a quarter of the run saw it, and that quarter has at least
 * this many looks. It lasted as long as looks saw at least LASTING_SHARE of that amount. */
#define LASTING_PARTS 4
#define LASTING_LEAST 5
#define LASTING_SHARE 0.9
/* A helper thread is not worth its stack for less. */
#define HELPER_BYTES ((uint64_t)4 << 20)
/* A decay time up to this, in milliseconds, is not meant to keep free memory for long. */
#define DECAY_USUAL 1000
/* Kernel time is mentioned from this share of CPU time, and from this many seconds, on. */
#define SYSTEM_SHARE 0.10
#define LEAST_SECONDS 0.1
#define PAGE_BYTES 4096.0

/* ---- Free memory that stays free ---- */

typedef uint64_t free_bytes(const struct moment *moment);

static uint64_t pinned_of(const struct moment *moment)
{
    return moment->pinned;
}

static uint64_t cached_of(const struct moment *moment)
{
    return moment->cached;
}

static uint64_t purgeable_of(const struct moment *moment)
{
    return moment->purgeable;
}

/* Purpose: free memory of one kind, and the consecutive looks that all saw at least that much. */
struct stay {
    uint64_t bytes; /* at the look that saw the least */
    size_t first;
    size_t last;
    size_t least; /* that look */
};

static size_t least_of(const struct heap_facts *facts, free_bytes *of, size_t first, size_t last)
{
    size_t least = first;
    for (size_t i = first + 1; i <= last; i++)
        if (of(&facts->moments[i]) < of(&facts->moments[least]))
            least = i;
    return least;
}

/* The last look of the quarter of the run that begins with this look; ->count if the run ends
 * before. */
static size_t quarter_from(const struct heap_facts *facts, size_t first)
{
    double end = facts->moments[first].at + heap_last_moment(facts)->at / LASTING_PARTS;
    size_t last = first + LASTING_LEAST - 1;
    while (last < facts->count && facts->moments[last].at < end)
        last++;
    return last < facts->count ? last : facts->count;
}

/* Find the quarter whose looks all saw most; of equal ones, the later. */
static bool find_quarter(const struct heap_facts *facts, free_bytes *of, struct stay *stay)
{
    *stay = (struct stay){.bytes = 0};
    for (size_t first = 0; first < facts->count; first++) {
        size_t last = quarter_from(facts, first);
        if (last == facts->count)
            break;
        size_t least = least_of(facts, of, first, last);
        if (of(&facts->moments[least]) >= stay->bytes)
            *stay = (struct stay){of(&facts->moments[least]), first, last, least};
    }
    return (double)stay->bytes >= LEAST_BYTES;
}

/* Is it much, compared with the resident memory then and later? Memory that was free before the
 * program grew means nothing. */
static bool is_much(const struct heap_facts *facts, const struct stay *stay)
{
    for (size_t i = stay->first; i < facts->count; i++)
        if ((double)stay->bytes < FREE_SHARE * (double)facts->moments[i].rss)
            return false;
    return true;
}

/* Did memory of a kind stay free for a quarter of the run, and was it much? If so, from when to
 * when? */
static bool has_stayed(const struct heap_facts *facts, free_bytes *of, struct stay *stay)
{
    if (!find_quarter(facts, of, stay))
        return false;
    double enough = LASTING_SHARE * (double)stay->bytes;
    while (stay->first > 0 && (double)of(&facts->moments[stay->first - 1]) >= enough)
        stay->first--;
    while (stay->last + 1 < facts->count && (double)of(&facts->moments[stay->last + 1]) >= enough)
        stay->last++;
    stay->least = least_of(facts, of, stay->first, stay->last);
    stay->bytes = of(&facts->moments[stay->least]);
    return is_much(facts, stay);
}

static double seconds_of(const struct heap_facts *facts, const struct stay *stay)
{
    return facts->moments[stay->last].at - facts->moments[stay->first].at;
}

static double share_of(uint64_t part, uint64_t whole)
{
    return whole ? 100 * (double)part / (double)whole : 0;
}

/* Add the evidence of all three: "From 3.10 s to 8.00 s, at least 12.3 MiB, 24 % of what was
 * resident, was ". */
static void add_stay(const struct heap_facts *facts, const struct stay *stay, struct advice *advice)
{
    uint64_t most_rss = 0;
    for (size_t i = stay->first; i <= stay->last; i++)
        if (facts->moments[i].rss > most_rss)
            most_rss = facts->moments[i].rss;
    advice_add(advice, "From %.2f s to %.2f s, at least %s, %.0f %% of what was resident, was ",
               facts->moments[stay->first].at, facts->moments[stay->last].at,
               text_of_size(stay->bytes).bytes, share_of(stay->bytes, most_rss));
}

static void advise_pinned(const struct heap_facts *facts, struct advice *advice)
{
    struct stay stay;
    unsigned most = CLASS_FIRST;
    if (!has_stayed(facts, pinned_of, &stay))
        return;
    const struct class_bytes *classes = facts->moments[stay.least].classes;
    for (unsigned c = CLASS_FIRST; c <= CLASS_HUGE; c++)
        if (classes[c].pinned > classes[most].pinned)
            most = c;
    add_stay(facts, &stay, advice);
    advice_add(advice, "free inside slabs that still held a live block; most of it, %s, beside ",
               text_of_size(classes[most].pinned).bytes);
    heap_add_class(advice, most);
    advice_add(advice,
               ". Of these blocks, %.1f %% were live. If long-lived blocks come from an owned heap "
               "(hak_heap_new), the rest can go back to the kernel: up to %s less.",
               share_of(classes[most].live, classes[most].live + classes[most].pinned),
               text_of_size(stay.bytes).bytes);
    advice_end_line(advice);
}

/* A quarter or less, in the form of a setting: "2M", "256K". */
static uint64_t smaller_bound(uint64_t bytes)
{
    uint64_t bound = 1024;
    while (bound * 8 <= bytes)
        bound *= 2;
    return bound;
}

static void advise_caches(const struct heap_facts *facts, struct advice *advice)
{
    struct stay stay;
    if (!has_stayed(facts, cached_of, &stay))
        return;
    uint64_t bound = smaller_bound(stay.bytes);
    if (bound >= facts->caches_total_max)
        return;
    add_stay(facts, &stay, advice);
    advice_add(advice,
               "in the caches of %zu thread%s. HAKMEM_CACHES_TOTAL_MAX bounds that (%s now): with "
               "%" PRIu64 "%c, up to %s less, for more calls that miss the cache.",
               facts->threads, facts->threads == 1 ? "" : "s",
               text_of_size(facts->caches_total_max).bytes,
               bound >= 1 << 20 ? bound >> 20 : bound >> 10, bound >= 1 << 20 ? 'M' : 'K',
               text_of_size(stay.bytes - bound).bytes);
    advice_end_line(advice);
}

/* ---- Memory kept for reuse, which decay and the helper thread give back ---- */

/* At most a tenth of the decay time, and less than the time for which the memory stayed free: a
 * power of ten in milliseconds. 0: there is none. */
static int64_t smaller_decay(const struct heap_facts *facts, double milliseconds)
{
    double most = facts->decay_ms < 0 ? INFINITY : (double)facts->decay_ms / 10;
    int64_t decay = 1;
    most = fmin(most, milliseconds / 2);
    while (10 * (double)decay <= most)
        decay *= 10;
    return (double)decay <= most ? decay : 0;
}

/* The memory stays because it is young, or for ever, since the user has set HAKMEM_DECAY_MS so. */
static bool add_shorter_decay(const struct heap_facts *facts, double milliseconds,
                              struct advice *advice)
{
    int64_t decay = smaller_decay(facts, milliseconds);
    if (decay == 0)
        return false;
    if (facts->decay_ms < 0)
        advice_add(advice, "HAKMEM_DECAY_MS is -1: it never goes back to the kernel. ");
    else
        advice_add(advice, "HAKMEM_DECAY_MS keeps it %" PRId64 " ms. ", facts->decay_ms);
    advice_add(advice, "With HAKMEM_DECAY_MS=%" PRId64 "%s, ", decay,
               facts->has_helper ? "" : " and HAKMEM_BACKGROUND=1");
    return true;
}

/* The memory stays although it is old: only calls of free give memory back, and a bounded part is
 * kept. */
static bool add_helper(const struct heap_facts *facts, const struct stay *stay,
                       struct advice *advice)
{
    if (facts->has_helper || stay->bytes < HELPER_BYTES)
        return false;
    advice_add(advice,
               "Only calls of free give memory back, and they keep a part of it, of any age. With "
               "HAKMEM_BACKGROUND=1, a helper thread gives back all memory that has been free for "
               "%" PRId64 " ms (HAKMEM_DECAY_MS): ",
               facts->decay_ms);
    return true;
}

/* True if there was such advice. */
static bool advise_purgeable(const struct heap_facts *facts, struct advice *advice)
{
    struct stay stay;
    if (facts->decay_ms == 0 || !has_stayed(facts, purgeable_of, &stay))
        return false;
    double milliseconds = 1000 * seconds_of(facts, &stay);
    bool is_old = facts->decay_ms > 0 && milliseconds > (double)facts->decay_ms;
    if (!is_old && facts->decay_ms >= 0 && facts->decay_ms <= DECAY_USUAL)
        return false;
    struct advice line = {.count = 0};
    add_stay(facts, &stay, &line);
    advice_add(&line, "free and kept for reuse. ");
    if (!(is_old ? add_helper(facts, &stay, &line) : add_shorter_decay(facts, milliseconds, &line)))
        return false;
    advice_add(advice, "%sup to %s less, at the cost of a page fault where it is used again.",
               line.lines[0], text_of_size(stay.bytes).bytes);
    advice_end_line(advice);
    return true;
}

/* ---- Time ---- */

/* Faults on pages that had been given back, at most: each page also has a first fault. */
static double faults_again(const struct heap_facts *facts)
{
    double first = (double)facts->peak.rss / PAGE_BYTES;
    return fmax(0, fmin((double)facts->purged / PAGE_BYTES, (double)facts->faults - first));
}

static void advise_faults(const struct heap_facts *facts, struct advice *advice)
{
    double again = faults_again(facts);
    double all = facts->user_seconds + facts->system_seconds;
    double saved = facts->faults ? facts->system_seconds * again / (double)facts->faults : 0;
    /* at a limit, memory goes back at any age */
    if (saved < LEAST_SECONDS || saved < SYSTEM_SHARE * all || facts->limit || facts->decay_ms < 0)
        return;
    advice_add(advice,
               "%s were given back to the kernel, and up to %.0f of the %" PRIu64
               " page faults brought that memory back. HAKMEM_DECAY_MS is %" PRId64
               ": with %" PRId64
               ", memory is kept for longer, which saves up to %.2f s of the %.2f s of CPU time.",
               text_of_size(facts->purged).bytes, again, facts->faults, facts->decay_ms,
               facts->decay_ms == 0 ? DECAY_USUAL : 10 * facts->decay_ms, saved, all);
    advice_end_line(advice);
}

/* ---- Memory outside the heap ---- */

static void advise_others(const struct heap_facts *facts, struct advice *advice)
{
    const struct moment *peak = &facts->peak;
    double bytes = (double)peak->others;
    if (bytes < LEAST_BYTES || bytes < OTHERS_SHARE * (double)peak->rss)
        return;
    advice_add(advice,
               "%s, %.0f %% of the peak, is not the heap's: code, stacks, static data, and what "
               "the program maps itself, as for an allocator of its own. No malloc can save more "
               "than the other %s.",
               text_of_size(peak->others).bytes, share_of(peak->others, peak->rss),
               text_of_size(peak->rss > peak->others ? peak->rss - peak->others : 0).bytes);
    advice_end_line(advice);
}

void heap_advise(const struct heap_facts *facts, struct advice *advice)
{
    growth_advise(facts, advice);
    advise_pinned(facts, advice);
    advise_caches(facts, advice);
    /* it cannot be right both to give memory back earlier and to keep it for longer */
    if (!advise_purgeable(facts, advice))
        advise_faults(facts, advice);
    advise_others(facts, advice);
}
