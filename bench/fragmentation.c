/* SPDX-License-Identifier: MIT */
/*
 * A long life in which the sizes shift. Each phase fills the heap up to LIVE bytes with blocks of
 * its own range of sizes, then frees them but for a random one in KEEP; those stay for LIFE phases
 * more. What the blocks left behind cannot serve the next phase; RSS over live bytes tells how
 * much an allocator still holds. The blocks of a phase are linked through themselves.
 */
#include "harness.h"

enum { LIVE, PHASES, KEEP, LIFE, SEED, PARAMS };
enum { MAX_LIFE = 64 };

static const struct range {
    size_t min, max;
} ranges[] = {{32, 96},   {700, 1400}, {100, 300},         {8 << 10, 40 << 10},
              {48, 4096}, {300, 600},  {2 << 10, 9 << 10}, {32, 256}};

struct block {
    struct block *next;
    size_t size;
};

struct heap {
    struct block *phases[MAX_LIFE + 1]; /* what is alive of the last phases, in turn */
    size_t live;
    uint64_t ops;
    uint32_t seed;
};

static void fill(struct heap *heap, struct block **list, size_t until, const struct range *range)
{
    while (heap->live < until) {
        size_t size = range->min + harness_random(&heap->seed) % (range->max - range->min + 1);
        struct block *block = harness_need(malloc(size), size);
        harness_touch(block, 0, size, 1);
        *block = (struct block){*list, size};
        *list = block;
        heap->live += size;
        heap->ops++;
    }
}

/* Free the blocks of a list but for a random one in `keep`; 0 keeps none. */
static void thin_out(struct heap *heap, struct block **list, uint64_t keep)
{
    while (*list) {
        struct block *block = *list;
        if (keep && harness_random(&heap->seed) % keep == 0) {
            list = &block->next;
            continue;
        }
        *list = block->next;
        heap->live -= block->size;
        heap->ops++;
        free(block);
    }
}

/* Returns RSS over live bytes. */
static double say_memory(const struct heap *heap, const char *when, unsigned long own_kb)
{
    unsigned long rss_kb = harness_status_kb("VmRSS:");
    rss_kb -= rss_kb > own_kb ? own_kb : rss_kb;
    double ratio = (double)rss_kb * 1024 / (double)(heap->live ? heap->live : 1);
    harness_say("%s live %6zu KiB, RSS %6lu KiB, %.2f", when, heap->live >> 10, rss_kb, ratio);
    return ratio;
}

int main(int argc, char **argv)
{
    struct harness_param params[PARAMS] = {
        [LIVE] = {"LIVE", 64 << 20, 1 << 20, (uint64_t)64 << 30, {0}},
        [PHASES] = {"PHASES", 16, 1, 1000000, {0}},
        [KEEP] = {"KEEP", 32, 1, UINT32_MAX, {0}},
        [LIFE] = {"LIFE", 4, 0, MAX_LIFE, {0}},
        [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
    };
    harness_parse(argc, argv, params, PARAMS);
    size_t kept_phases = params[LIFE].value + 1;
    struct heap *heap = harness_map(sizeof *heap);
    heap->seed = (uint32_t)params[SEED].value;
    unsigned long own_kb = harness_status_kb("VmRSS:");

    double seconds = 0;
    double full = 0;
    double thinned = 0;
    for (uint64_t phase = 0; phase < params[PHASES].value; phase++) {
        struct block **list = &heap->phases[phase % kept_phases];
        const struct range *range = &ranges[phase % (sizeof ranges / sizeof *ranges)];
        double start = harness_now();
        thin_out(heap, list, 0);
        fill(heap, list, params[LIVE].value, range);
        seconds += harness_now() - start;
        harness_say("%5zu..%-5zu ", range->min, range->max);
        full = say_memory(heap, "full:", own_kb);
        start = harness_now();
        thin_out(heap, list, params[KEEP].value);
        seconds += harness_now() - start;
        thinned = say_memory(heap, "; thinned:", own_kb);
        harness_say("\n");
    }
    harness_say("NOTE RSS over live bytes in the last phase: full %.2f, thinned %.2f\n", full,
                thinned);
    for (size_t i = 0; i < kept_phases; i++) {
        thin_out(heap, &heap->phases[i], 0);
    }
    harness_result("fragmentation", heap->ops, seconds);
    return 0;
}
