/* SPDX-License-Identifier: MIT */
/* Tests of diag/check.c: nothing to find before the start and in a sound heap, and a fault planted
 * in each layer is found and counted. */
#include "unit/unit.h"

#include "diag/diag.h"
#include "front/owned_heap.h"
#include "front/route.h"
#include "slab/space.h"

static void test_sound(void **state)
{
    (void)state;
    CHECK_EQ(check_all(), 0);
    CHECK(reservation_make());
    CHECK_EQ(check_all(), 0);
    for (size_t size = 0; size < 8 * MIB; size = size * 3 / 2 + 1) {
        void *block = route_alloc(size, false);
        CHECK_EQ(check_all(), 0);
        CHECK(size % 3 || front_free(block) || route_free(block));
        CHECK_EQ(check_all(), 0);
    }
}

static void test_each_layer(void **state)
{
    (void)state;
    void *block = route_alloc(100, false);
    struct hak_heap *heap = owned_heap_new();
    struct slab *own = slab_find(route_alloc_from(heap, BLOCK_ALIGN, 100, false));
    struct slab *shared = slab_find(block);
    void *foreign = (char *)block + 8;
    void *batch[BATCH_BLOCKS];
    atomic_fetch_add(&space.warm_slabs, 1);
    CHECK_REPORTS(check_all(), "slabs are warm, but");
    pooled(shared)->free_count++;
    CHECK_REPORTS(check_all(), "the bitmap and the count of free blocks differ");
    pooled(own)->free_count++;
    CHECK(depot_give(shared->size_class, &foreign, 1, DEPOT_BYTES_MAX));
    CHECK_REPORTS(check_all(), "which is not its block");
    static struct unit_capture capture;
    unit_capture_begin(&capture);
    unsigned faults = check_all();
    unit_capture_end(&capture);
    CHECK_EQ(faults, 4);
    atomic_fetch_sub(&space.warm_slabs, 1);
    pooled(shared)->free_count--;
    pooled(own)->free_count--;
    CHECK_EQ(depot_take(shared->size_class, batch, BATCH_BLOCKS), 1);
    CHECK_EQ(check_all(), 0);
    owned_heap_destroy(heap);
    CHECK(front_free(block) || route_free(block));
    CHECK_EQ(check_all(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound),
        cmocka_unit_test(test_each_layer),
    };
    settings.decay_ms = -1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
