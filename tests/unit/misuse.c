/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/misuse.c: what is found out about a pointer at which no live block starts, and the
 * line with which the program ends.
 */
#include "unit/unit.h"

#include "front/misuse.h"
#include "front/route.h"
#include "front/unified_cache.h"

static void make(void)
{
    settings.decay_ms = -1;
    CHECK(reservation_make());
}

static size_t usable_of(const void *block)
{
    size_t usable = 0;
    CHECK(route_usable(block, &usable));
    return usable;
}

static void check_diagnosis(const void *block, enum fault fault, size_t size)
{
    struct verdict verdict = misuse_diagnose(block);
    CHECK_EQ(verdict.fault, fault);
    CHECK_EQ(verdict.size, size);
    CHECK(verdict.block == block);
}

static void diagnoses(void)
{
    make();
    char *huge = route_alloc(5 * MIB, false);
    char *span = route_alloc(200 * KIB, false);
    size_t span_size = usable_of(span);
    check_diagnosis(huge + 4096, FAULT_NOT_START, 5 * MIB);
    check_diagnosis(huge + 3 * MIB, FAULT_NOT_START, 5 * MIB);
    check_diagnosis(span + SLAB_SIZE, FAULT_NOT_START, span_size);
    check_diagnosis(reservation_get(), FAULT_NOT_START, 0);
    check_diagnosis((char *)reservation_get() + reservation_get()->size - 1, FAULT_NOT_START, 0);
    CHECK(route_free(huge));
    check_diagnosis(huge, FAULT_DOUBLE_FREE, 5 * MIB);
    CHECK(route_free(span));
    unified_cache_empty();
    check_diagnosis(span, FAULT_DOUBLE_FREE, span_size);
}

/* ---- the last line ---- */

static void name_foreign(void)
{
    misuse_report_foreign("free", (void *)0x1230);
}

static void report_twice(void)
{
    misuse_report("free", (struct verdict){FAULT_DOUBLE_FREE, (void *)0x1230, 48});
}

static void report_inside(void)
{
    misuse_report("realloc", (struct verdict){FAULT_NOT_START, (void *)0x1230, 48});
}

static void report_unknown(void)
{
    misuse_report("hak_usable_size", (struct verdict){FAULT_NOT_START, (void *)0x1230, 0});
}

static void stop(void)
{
    misuse_stop_at_fault((struct verdict){FAULT_NONE, NULL, 0}); /* goes on */
    misuse_stop_at_fault((struct verdict){FAULT_DOUBLE_FREE, (void *)0x1230, 64});
}

CHILD_TEST(diagnoses)

static void test_reports(void **state)
{
    (void)state;
    CHECK_ABORTS(name_foreign, "free(0x1230): not a pointer from malloc\n");
    CHECK_ABORTS(report_twice, "free(0x1230): double free of a 48-byte block\n");
    CHECK_ABORTS(report_inside,
                 "realloc(0x1230): not the start of a block, but inside one of 48 bytes\n");
    CHECK_ABORTS(report_unknown,
                 "hak_usable_size(0x1230): double free, or not the start of a block\n");
    CHECK_ABORTS(stop, "free(0x1230): double free of a 64-byte block\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diagnoses),
        cmocka_unit_test(test_reports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
