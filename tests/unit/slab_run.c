/* SPDX-License-Identifier: MIT */
/*
 * Tests of slab/slab_run.c: runs of slabs taken, given, extended and shrunk at random beside whole
 * ranges, against a model that knows of each slab whether it is taken, warm or cold; and a limit.
 */
#include "unit/slab_layer.h"

#include "slab/purge.h"
#include "slab/room.h"
#include "slab/slab_check.h"
#include "slab/slab_run.h"
#include "slab/superslab.h"

#define SUPERSLABS 64
#define RUNS 40

enum model { COLD, WARM, TAKEN };

/* Purpose: what the test holds: a run of slabs, or (record NULL) a range of one superslab. */
struct run {
    char *start;
    struct slab *record;
    unsigned count;
};

static enum model model[SUPERSLABS * SLABS_PER_SUPERSLAB];
static struct run runs[RUNS];
static size_t first_index;

static void make(void)
{
    make_reservation();
    first_index = space.frontier;
}

/* ---- the model ---- */

static size_t slab_index(const char *start)
{
    return (size_t)(start - space.base) / SLAB_SIZE - first_index * SLABS_PER_SUPERSLAB;
}

/* The longest run of `wanted` slabs in a superslab of the model. */
static unsigned longest_in_model(size_t superslab, enum model wanted)
{
    uint32_t mask = 0;
    for (unsigned i = 0; i < SLABS_PER_SUPERSLAB; i++)
        if (model[superslab * SLABS_PER_SUPERSLAB + i] == wanted)
            mask |= (uint32_t)1 << i;
    return longest_by_bits(mask);
}

/* The shortest of the superslabs' longest warm runs that has room for `count`; 0 when none has. */
static unsigned best_warm_run(unsigned count)
{
    unsigned best = 0;
    for (size_t superslab = 0; superslab < SUPERSLABS; superslab++) {
        unsigned longest = longest_in_model(superslab, WARM);
        if (longest >= count && (best == 0 || longest < best))
            best = longest;
    }
    return best;
}

/* Sample words of a slab: at its start, and at a place of its own inside. */
static void mark(char *start, uint64_t value)
{
    *(uint64_t *)start = value;
    *(uint64_t *)(start + SLAB_SIZE - 8) = value;
}

static bool is_marked(const char *start, uint64_t value)
{
    return *(const uint64_t *)start == value && *(const uint64_t *)(start + SLAB_SIZE - 8) == value;
}

static void mark_run(const struct run *run, unsigned from)
{
    for (unsigned i = from; i < run->count; i++)
        mark(run->start + i * SLAB_SIZE, (uint64_t)(uintptr_t)run->start + i);
}

static void check_run(const struct run *run)
{
    for (unsigned i = 0; i < run->count; i++) {
        char *slab = run->start + i * SLAB_SIZE;
        CHECK(is_marked(slab, (uint64_t)(uintptr_t)run->start + i));
        if (run->record)
            CHECK(slab_find(slab + 100 * i) == run->record);
    }
}

static void set_model(const struct run *run, unsigned from, unsigned to, enum model wanted)
{
    for (unsigned i = from; i < to; i++) {
        enum model *slab = &model[slab_index(run->start) + i];
        CHECK((*slab == TAKEN) != (wanted == TAKEN));
        *slab = wanted;
    }
}

static void take_run(struct run *run, unsigned count)
{
    bool is_zero;
    unsigned best = best_warm_run(count);
    run->record = slab_run_take(count, &is_zero);
    CHECK(run->record != NULL);
    run->start = run->record->start;
    run->count = count;
    CHECK_EQ(run->record->slab_count, count);
    CHECK_EQ((uintptr_t)run->start % SLAB_SIZE, 0);
    size_t index = slab_index(run->start);
    CHECK(index % SLABS_PER_SUPERSLAB + count <= SLABS_PER_SUPERSLAB);
    unsigned warm = 0;
    for (unsigned i = 0; i < count; i++)
        warm += model[index + i] == WARM;
    if (best) { /* warm before fresh, from where it fits best */
        CHECK_EQ(warm, count);
        CHECK_EQ(longest_in_model(index / SLABS_PER_SUPERSLAB, WARM), best);
    }
    CHECK_EQ(is_zero, warm == 0);
    for (unsigned i = 0; is_zero && i < count; i++)
        CHECK(is_marked(run->start + i * SLAB_SIZE, 0));
    set_model(run, 0, count, TAKEN);
    mark_run(run, 0);
}

static void take_range(struct run *run)
{
    bool is_zero;
    run->start = superslab_range_take(1, &is_zero);
    run->count = SLABS_PER_SUPERSLAB;
    run->record = NULL;
    CHECK(run->start != NULL);
    if (!is_zero)
        superslab_range_zero(run->start, SUPERSLAB_SIZE);
    for (unsigned i = 0; i < run->count; i++)
        CHECK(is_marked(run->start + i * SLAB_SIZE, 0));
    set_model(run, 0, run->count, TAKEN);
    mark_run(run, 0);
}

/* Where address space is rationed a wholly free superslab goes back at once. */
static void forget_if_free(size_t superslab)
{
    enum model *slabs = &model[superslab * SLABS_PER_SUPERSLAB];
    if (is_rationed && longest_in_model(superslab, TAKEN) == 0)
        for (unsigned i = 0; i < SLABS_PER_SUPERSLAB; i++)
            slabs[i] = COLD;
}

static void give(struct run *run)
{
    check_run(run);
    set_model(run, 0, run->count, WARM);
    forget_if_free(slab_index(run->start) / SLABS_PER_SUPERSLAB);
    if (run->record)
        slab_run_give(run->record);
    else
        superslab_range_give(run->start, 1, SUPERSLAB_SIZE);
    run->start = NULL;
}

static void resize(struct run *run, unsigned count)
{
    if (count <= run->count) {
        slab_run_shrink(run->record, count);
        set_model(run, count, run->count, WARM);
        run->count = count;
    } else {
        size_t index = slab_index(run->start);
        bool is_room = index % SLABS_PER_SUPERSLAB + count <= SLABS_PER_SUPERSLAB;
        for (unsigned i = run->count; is_room && i < count; i++)
            is_room = model[index + i] != TAKEN;
        CHECK_EQ(slab_run_extend(run->record, count), is_room);
        if (!is_room)
            return;
        set_model(run, run->count, count, TAKEN);
        unsigned from = run->count;
        run->count = count;
        mark_run(run, from);
    }
    CHECK_EQ(run->record->slab_count, run->count);
    check_run(run);
}

static void purge(void)
{
    size_t warm = 0;
    for (size_t i = 0; i < sizeof(model) / sizeof(model[0]); i++)
        if (model[i] == WARM) {
            model[i] = COLD;
            warm++;
        }
    CHECK_EQ(purge_warm(), warm * SLAB_SIZE);
}

static size_t warm_in_model(void)
{
    size_t warm = 0;
    for (size_t i = 0; i < sizeof(model) / sizeof(model[0]); i++)
        warm += model[i] == WARM;
    return warm;
}

static void step(uint64_t *random, unsigned number)
{
    struct run *run = &runs[unit_random(random, RUNS)];
    unsigned limit = number % 3 ? 6 : 32;
    if (number % 60 == 59)
        purge();
    else if (!run->start && unit_random(random, 8) == 0)
        take_range(run);
    else if (!run->start)
        take_run(run, 1 + unit_random(random, limit));
    else if (run->record && unit_random(random, 2) == 0)
        resize(run, 1 + unit_random(random, limit));
    else
        give(run);
}

static void runs_at_random(void)
{
    uint64_t random = 21;
    struct slab_figures figures;
    make();
    for (unsigned number = 0; number < 3000; number++) {
        step(&random, number);
        CHECK_EQ(slab_check(), 0);
        slab_count(&figures);
        CHECK_EQ(figures.warm_bytes, warm_in_model() * SLAB_SIZE);
    }
    for (unsigned i = 0; i < RUNS; i++)
        if (runs[i].start)
            give(&runs[i]);
    purge();
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
}

static void test_random(void **state)
{
    (void)state;
    CHECK_BOTH_WAYS(runs_at_random);
}

/* ---- pages made present ---- */

static void populate(void)
{
    static const struct {
        int64_t prefault;
        long present;
    } cases[] = {
        {PREFAULT_OFF, 0}, {PREFAULT_POPULATE, 5}, {PREFAULT_TOUCH, 5}, {PREFAULT_AUTO, 5}};
    bool is_zero;
    make();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slab *slab = slab_run_take(2, &is_zero);
        size_t page = os_page_size();
        settings.ss_prefault = cases[i].prefault;
        slab->resident = 0;
        CHECK_EQ(unit_present_pages(slab->start, 2 * SLAB_SIZE), 0);
        slab_run_populate(slab, 5);
        CHECK_EQ(unit_present_pages(slab->start, 5 * page), cases[i].present);
        CHECK_EQ(unit_present_pages(slab->start, 2 * SLAB_SIZE), cases[i].present);
        CHECK_EQ(slab->resident, cases[i].present);
        slab_run_give(slab);
        purge_warm();
        CHECK_EQ(slab->resident, 0);
    }
}

static void test_populate(void **state)
{
    (void)state;
    is_rationed = false;
    CHECK_CHILD(populate);
}

/* ---- a limit ---- */

/* A fresh superslab needs no more room than the run that is cut from it. */
static void limited(void)
{
    bool is_zero;
    make();
    room_set(3 * SLAB_SIZE);
    struct slab *first = slab_run_take(1, &is_zero);
    CHECK(first != NULL && is_zero);
    CHECK_EQ(room_left(), 2 * SLAB_SIZE);
    CHECK(slab_run_take(3, &is_zero) == NULL);
    CHECK(room_was_refused());
    struct slab *second = slab_run_take(2, &is_zero);
    CHECK(second != NULL && second->start == first->start + SLAB_SIZE);
    CHECK_EQ(room_left(), 0);
    CHECK(slab_run_take(1, &is_zero) == NULL);
    CHECK_EQ(room_used_bytes(), 3 * SLAB_SIZE);
    CHECK_EQ(slab_check(), 0);
}

static void test_limited(void **state)
{
    (void)state;
    CHECK_BOTH_WAYS(limited);
}

/* ---- threads ---- */

static void *exchange(void *number)
{
    struct run own[8] = {{NULL, NULL, 0}};
    uint64_t random = (uintptr_t)number + 100;
    for (unsigned i = 0; i < 3000; i++) {
        struct run *run = &own[unit_random(&random, 8)];
        bool is_zero;
        if (run->start) {
            check_run(run);
            slab_run_give(run->record);
            run->start = NULL;
            continue;
        }
        run->count = 1 + unit_random(&random, 12);
        run->record = slab_run_take(run->count, &is_zero);
        CHECK(run->record != NULL);
        run->start = run->record->start;
        for (unsigned slab = 0; is_zero && slab < run->count; slab++)
            CHECK(is_marked(run->start + slab * SLAB_SIZE, 0));
        mark_run(run, 0);
        if (i % 100 == 0)
            purge_warm();
    }
    for (unsigned i = 0; i < 8; i++)
        if (own[i].start)
            slab_run_give(own[i].record);
    return NULL;
}

static void threads(void)
{
    struct slab_figures figures;
    make();
    unit_run_threads(exchange);
    CHECK_EQ(slab_check(), 0);
    purge_warm();
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 0);
}

static void test_threads(void **state)
{
    (void)state;
    is_rationed = false;
    CHECK_CHILD(threads);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_populate),
        cmocka_unit_test(test_limited),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
