/* SPDX-License-Identifier: MIT */
/*
 * Advice on a program's memory. Each piece has its evidence, which is shown with it, and the gain
 * that can be expected at most. What is seen at one look alone is no evidence: memory that is free
 * for a moment will be used again in the next. Called by run_advice.c; calls advice.c.
 */
#include "run/heap_advice.h"

#include <inttypes.h>
#include <math.h>

#include "base/text.h"

/* Below this nothing is worth a word. */
#define LEAST_BYTES ((double)(1 << 20))
/* Free memory is worth one from this share of what is resident on. */
#define FREE_SHARE 0.10
#define OTHERS_SHARE 0.5
/* Free memory counts as far as it was there at each look of the last quarter; with fewer than so
 * many looks in it, nothing is known. */
#define LASTING_PARTS 4
#define LASTING_LEAST 5
/* The looks are taken in so many parts, and growth is looked for in those from GROWTH_FIRST on. */
#define GROWTH_PARTS 8
#define GROWTH_FIRST 4
#define GROWTH_LOOKS_LEAST 20
#define GROWTH_SHARE 0.10
/* Kernel time is worth a word from this share of CPU time, and these seconds, on. */
#define SYSTEM_SHARE 0.10
#define LEAST_SECONDS 0.1
#define PAGE_BYTES 4096.0

static const struct moment *last_moment(const struct heap_facts *facts)
{
    return &facts->moments[facts->count - 1];
}

/* ---- Growth ---- */

/* The look with least live memory of one part. */
static const struct moment *lowest(const struct heap_facts *facts, size_t part)
{
    size_t begin = facts->count * part / GROWTH_PARTS;
    size_t end = facts->count * (part + 1) / GROWTH_PARTS;
    const struct moment *least = &facts->moments[begin];
    for (size_t i = begin + 1; i < end; i++)
        if (facts->moments[i].live < least->live)
            least = &facts->moments[i];
    return least;
}

/* Whether live memory grew in each part of the second half, and about as fast in all of them: what
 * is freed from time to time does not count, nor what was built up once. That it had been more
 * before, in the second quarter, says that it comes and goes. */
static bool has_grown(const struct heap_facts *facts)
{
    if (facts->count < GROWTH_LOOKS_LEAST)
        return false;
    double first = (double)lowest(facts, GROWTH_FIRST)->live;
    double last = (double)lowest(facts, GROWTH_PARTS - 1)->live;
    double growth = last - first;
    if (growth < LEAST_BYTES || growth < GROWTH_SHARE * last)
        return false;
    double mean = growth / (GROWTH_PARTS - 1 - GROWTH_FIRST);
    for (size_t i = GROWTH_FIRST / 2; i < GROWTH_FIRST; i++)
        if ((double)lowest(facts, i)->live > first)
            return false;
    for (size_t i = GROWTH_FIRST + 1; i < GROWTH_PARTS; i++)
        if ((double)lowest(facts, i)->live - (double)lowest(facts, i - 1)->live < mean / 4)
            return false;
    return true;
}

static int64_t class_growth(const struct moment *from, const struct moment *to, unsigned c)
{
    return (int64_t)(to->classes[c].live - from->classes[c].live);
}

/* "blocks of 1024 bytes", "Huge blocks". */
static void add_class(struct advice *advice, unsigned size_class)
{
    if (size_class >= CLASS_HUGE)
        advice_add(advice, "Huge blocks");
    else
        advice_add(advice, "blocks of %" PRIu32 " bytes", size_classes[size_class].size);
}

static void advise_growth(const struct heap_facts *facts, struct advice *advice)
{
    const struct moment *from = lowest(facts, GROWTH_FIRST);
    const struct moment *to = lowest(facts, GROWTH_PARTS - 1);
    unsigned most = CLASS_FIRST;
    if (!has_grown(facts))
        return;
    for (unsigned c = CLASS_FIRST; c <= CLASS_HUGE; c++)
        if (class_growth(from, to, c) > class_growth(from, to, most))
            most = c;
    uint64_t growth = to->live - from->live;
    double rate = (double)growth / fmax(to->at - from->at, 1e-3);
    advice_add(advice,
               "Live memory grew to the end without levelling off: %s after %.2f s, %s after %.2f "
               "s, %s a second. ",
               text_of_size(from->live).bytes, from->at, text_of_size(to->live).bytes, to->at,
               text_of_size((uint64_t)rate).bytes);
    if (class_growth(from, to, most) > 0) {
        advice_add(advice, "%s of that is in ",
                   text_of_size((uint64_t)class_growth(from, to, most)).bytes);
        add_class(advice, most);
        advice_add(advice, ". ");
    }
    advice_add(advice,
               "If the program no longer needs these blocks, freeing them saves up to %s here, and "
               "%s for each hour that it runs on.",
               text_of_size(growth).bytes, text_of_size((uint64_t)(3600 * rate)).bytes);
    advice_end_line(advice);
}

/* ---- Free memory that stays free ---- */

static size_t first_lasting(const struct heap_facts *facts)
{
    return facts->count - facts->count / LASTING_PARTS;
}

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

/* The bytes of a kind that were there at each look of the last quarter; 0 when they are too few for
 * a word. */
static uint64_t lasting(const struct heap_facts *facts, free_bytes *of)
{
    uint64_t least = UINT64_MAX;
    uint64_t most_rss = 0;
    size_t first = first_lasting(facts);
    if (facts->count - first < LASTING_LEAST)
        return 0;
    for (size_t i = first; i < facts->count; i++) {
        const struct moment *moment = &facts->moments[i];
        least = of(moment) < least ? of(moment) : least;
        most_rss = moment->rss > most_rss ? moment->rss : most_rss;
    }
    bool is_much = (double)least >= LEAST_BYTES && (double)least >= FREE_SHARE * (double)most_rss;
    return is_much ? least : 0;
}

/* "12.3 MiB, 24.1 % of what was resident at the end, was ": the evidence of all three. */
static void add_lasting(const struct heap_facts *facts, struct advice *advice, uint64_t bytes)
{
    const struct moment *last = last_moment(facts);
    advice_add(advice, "From %.2f s to the last look, at %.2f s, at least %s was ",
               facts->moments[first_lasting(facts)].at, last->at, text_of_size(bytes).bytes);
}

static double share_of(uint64_t part, uint64_t whole)
{
    return whole ? 100 * (double)part / (double)whole : 0;
}

static void advise_pinned(const struct heap_facts *facts, struct advice *advice)
{
    uint64_t bytes = lasting(facts, pinned_of);
    const struct moment *last = last_moment(facts);
    unsigned most = CLASS_FIRST;
    if (!bytes)
        return;
    for (unsigned c = CLASS_FIRST; c <= CLASS_HUGE; c++)
        if (last->classes[c].pinned > last->classes[most].pinned)
            most = c;
    const struct class_bytes *class = &last->classes[most];
    add_lasting(facts, advice, bytes);
    advice_add(advice,
               "free inside slabs that still held a live block, %.0f %% of what is resident at the "
               "end; most of it, %s, beside ",
               share_of(bytes, last->rss), text_of_size(class->pinned).bytes);
    add_class(advice, most);
    advice_add(advice,
               ", of which %.1f %% are live. Where blocks that live long have a heap of their own "
               "(hak_heap_new), the rest can go back to the kernel: up to %s less.",
               share_of(class->live, class->live + class->pinned), text_of_size(bytes).bytes);
    advice_end_line(advice);
}

/* A quarter or less, as a setting takes it: "2M", "256K". */
static uint64_t smaller_bound(uint64_t bytes)
{
    uint64_t bound = 1024;
    while (bound * 8 <= bytes)
        bound *= 2;
    return bound;
}

static void advise_caches(const struct heap_facts *facts, struct advice *advice)
{
    uint64_t bytes = lasting(facts, cached_of);
    uint64_t bound = smaller_bound(bytes);
    if (!bytes || bound >= facts->caches_total_max)
        return;
    add_lasting(facts, advice, bytes);
    advice_add(
        advice,
        "in the caches of %zu thread%s, %.0f %% of what is resident at the end. "
        "HAKMEM_CACHES_TOTAL_MAX bounds that (%s now): with %" PRIu64
        "%c, up to %s less, for more calls that miss the cache.",
        facts->threads, facts->threads == 1 ? "" : "s", share_of(bytes, last_moment(facts)->rss),
        text_of_size(facts->caches_total_max).bytes, bound >= 1 << 20 ? bound >> 20 : bound >> 10,
        bound >= 1 << 20 ? 'M' : 'K', text_of_size(bytes - bound).bytes);
    advice_end_line(advice);
}

/* A tenth of the decay time at most, and less than the memory was seen to stay free: a power of ten
 * of milliseconds. 0: there is none. */
static int64_t smaller_decay(const struct heap_facts *facts)
{
    double seconds = last_moment(facts)->at - facts->moments[first_lasting(facts)].at;
    double most = facts->decay_ms < 0 ? INFINITY : (double)facts->decay_ms / 10;
    int64_t decay = 1;
    most = fmin(most, 1000 * seconds / 2);
    while (10 * (double)decay <= most)
        decay *= 10;
    return (double)decay <= most ? decay : 0;
}

static void advise_purgeable(const struct heap_facts *facts, struct advice *advice)
{
    uint64_t bytes = lasting(facts, purgeable_of);
    int64_t decay = smaller_decay(facts);
    if (!bytes || decay == 0)
        return;
    add_lasting(facts, advice, bytes);
    advice_add(advice, "free and kept for reuse, %.0f %% of what is resident at the end. ",
               share_of(bytes, last_moment(facts)->rss));
    if (facts->decay_ms < 0)
        advice_add(advice, "HAKMEM_DECAY_MS is -1: it never goes back to the kernel. ");
    else
        advice_add(advice, "HAKMEM_DECAY_MS keeps it %" PRId64 " ms. ", facts->decay_ms);
    advice_add(advice,
               "With %" PRId64
               ", up to %s less, at the cost of a page fault where it is used again.",
               decay, text_of_size(bytes).bytes);
    advice_end_line(advice);
}

/* ---- What costs time ---- */

/* Faults on pages that had been given back, at most: each page was touched a first time too. */
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
    /* at a limit, memory goes back whatever its age */
    if (saved < LEAST_SECONDS || saved < SYSTEM_SHARE * all || facts->limit)
        return;
    advice_add(advice,
               "%s were given back to the kernel, and up to %.0f of the %" PRIu64
               " page faults brought that memory back. HAKMEM_DECAY_MS is %" PRId64
               ": ten times as much keeps the memory, and saves up to %.2f s of the %.2f s of CPU "
               "time.",
               text_of_size(facts->purged).bytes, again, facts->faults, facts->decay_ms, saved,
               all);
    advice_end_line(advice);
}

/* ---- What is not the heap's ---- */

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
    advise_growth(facts, advice);
    advise_pinned(facts, advice);
    advise_caches(facts, advice);
    advise_purgeable(facts, advice);
    advise_faults(facts, advice);
    advise_others(facts, advice);
}
