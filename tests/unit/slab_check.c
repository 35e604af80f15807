/* SPDX-License-Identifier: MIT */
/* Tests of slab/slab_check.c: its figures, and each fault planted, reported and taken back. */
#include "unit/unit.h"

#include "slab/reservation.h"
#include "slab/slab_check.h"
#include "slab/slab_run.h"
#include "slab/space.h"
#include "slab/superslab.h"

static struct superslab *mixed; /* has taken, warm and cold slabs */
static struct superslab *huge;

static int set_up(void **state)
{
    bool is_zero;
    (void)state;
    settings.decay_ms = -1;
    if (!reservation_make())
        return -1;
    struct slab *kept = slab_run_take(3, &is_zero);
    slab_run_give(slab_run_take(4, &is_zero));
    mixed = superslab_of(kept->start);
    huge = superslab_of(superslab_range_take(2, &is_zero));
    return 0;
}

static void test_figures(void **state)
{
    struct slab_figures figures;
    (void)state;
    slab_count(&figures);
    CHECK_EQ(figures.mapped_bytes, 3 * SUPERSLAB_SIZE);
    CHECK_EQ(figures.warm_bytes, 4 * SLAB_SIZE);
    CHECK_EQ(slab_check(), 0);
}

/* Change a field, see the report, change it back. */
#define CHECK_PLANTED(field, value, expected)                                                      \
    do {                                                                                           \
        __typeof__(field) sound_ = (field);                                                        \
        (field) = (value);                                                                         \
        CHECK_REPORTS(slab_check(), expected);                                                     \
        (field) = sound_;                                                                          \
        CHECK_EQ(slab_check(), 0);                                                                 \
    } while (0)

static void test_masks(void **state)
{
    (void)state;
    CHECK_PLANTED(mixed->warm, mixed->warm | 1, "a warm slab is not free");
    CHECK_PLANTED(mixed->free, mixed->free & 0xffff0000u, "wrong list of free runs");
    CHECK_PLANTED(mixed->warm, mixed->warm & ~(uint32_t)8, "wrong list of warm runs");
    CHECK_PLANTED(mixed->warm, 0, "are warm, but");
    CHECK_PLANTED(mixed->free, ALL_SLABS, "the taken bit is wrong");
}

static void test_taken_bits(void **state)
{
    size_t index = superslab_index(huge);
    (void)state;
    CHECK_PLANTED(space.taken[index / 64], space.taken[index / 64] ^ (uint64_t)1 << index % 64,
                  "taken, but not marked so");
    index = superslab_index(mixed);
    CHECK_PLANTED(space.taken[index / 64], space.taken[index / 64] ^ (uint64_t)1 << index % 64,
                  "the taken bit is wrong");
    CHECK_PLANTED(huge->state, SUPERSLAB_FIXED, "are claimed, but");
}

static void test_lists(void **state)
{
    (void)state;
    for (unsigned kind = RUN_FREE; kind <= RUN_WARM; kind++) {
        unsigned run = mixed->run[kind];
        CHECK(space.list[kind][run] == mixed);
        CHECK_PLANTED(space.occupied[kind], space.occupied[kind] ^ (uint64_t)1 << run,
                      "the occupied bit is wrong");
        CHECK_PLANTED(space.occupied[kind], space.occupied[kind] | 2, "the occupied bit is wrong");
        CHECK_PLANTED(space.list[kind][run], NULL, "the occupied bit is wrong");
        CHECK_PLANTED(mixed->prev[kind], huge, "links are wrong");
        CHECK_PLANTED(mixed->run[kind], (uint8_t)(run - 1), "in the wrong list");
    }
}

static void test_count(void **state)
{
    (void)state;
    CHECK_PLANTED(space.warm_slabs, space.warm_slabs + 1, "4 slabs are warm, but 5 are counted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures),    cmocka_unit_test(test_masks),
        cmocka_unit_test(test_taken_bits), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_count),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
