/* SPDX-License-Identifier: MIT */
/*
 * Tests of stack/reader.c: numbers, LEB128 and encoded addresses, directly and copied; no read
 * beyond the bounds or the budget; memory that is not mapped is a failure, not a fault.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

static struct budget budget;
static struct reader reader;

static struct cursor open_at(const void *bytes, size_t size, bool copies)
{
    uintptr_t low = (uintptr_t)bytes;
    budget = (struct budget){.reads = WALK_READS_MAX, .copies = WALK_COPIES_MAX};
    reader_open(&reader, low, low + size, copies, &budget);
    return (struct cursor){&reader, low, low + size};
}

static void test_numbers(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {1, 2, 0, 3, 0, 0, 0, 0xe5, 0x8e, 0x26, 0x80, 0x7f, 0x7f, 9};
    for (unsigned copies = 0; copies < 2; copies++) {
        struct cursor cursor = open_at(bytes, sizeof(bytes), copies);
        CHECK_EQ(cursor_number(&cursor, 1), 1);
        CHECK_EQ(cursor_number(&cursor, 2), 2);
        CHECK_EQ(cursor_number(&cursor, 4), 3);
        CHECK_EQ(cursor_unsigned(&cursor), 624485);
        CHECK(cursor_signed(&cursor) == -128);
        CHECK(cursor_signed(&cursor) == -1);
        CHECK_EQ(reader_number(&reader, cursor.at, 1), 9);
        cursor_skip(&cursor, 1);
        CHECK(!reader.has_failed);
        CHECK_EQ(cursor_number(&cursor, 1), 0);
        CHECK(reader.has_failed);
        CHECK_EQ(reader_number(&reader, reader.low, 1), 0); /* it stays failed */
    }
}

static void test_pointers(void **state)
{
    (void)state;
    static const int32_t numbers[] = {-16, 32};
    uintptr_t place = (uintptr_t)numbers;
    struct cursor cursor = open_at(numbers, sizeof(numbers), false);
    CHECK_EQ(cursor_pointer(&cursor, 0x1b, 0), place - 16);   /* relative to its place */
    CHECK_EQ(cursor_pointer(&cursor, 0x3b, 1000), 1000 + 32); /* relative to the data */
    CHECK(!reader.has_failed);
    cursor = open_at(numbers, sizeof(numbers), false);
    cursor_pointer(&cursor, 0x9b, 0); /* the address of the address */
    CHECK(reader.has_failed);
    cursor = open_at(numbers, sizeof(numbers), false);
    cursor_pointer(&cursor, 0x0d, 0); /* no such form */
    CHECK(reader.has_failed);
}

static void test_bounds(void **state)
{
    (void)state;
    static const uint8_t bytes[16];
    struct cursor cursor = open_at(bytes, 8, false);
    reader_number(&reader, reader.low + 1, 8);
    CHECK(reader.has_failed);
    open_at(bytes, 8, false);
    reader_number(&reader, reader.low - 1, 1);
    CHECK(reader.has_failed);
    cursor = open_at(bytes, 8, false);
    cursor_skip(&cursor, UINT64_MAX);
    CHECK(reader.has_failed);
    open_at(bytes, 8, false);
    budget.reads = 1;
    reader_number(&reader, reader.low, 1);
    CHECK(!reader.has_failed);
    reader_number(&reader, reader.low, 1);
    CHECK(reader.has_failed);
    open_at(bytes, 8, true);
    budget.copies = 0;
    reader_number(&reader, reader.low, 1);
    CHECK(reader.has_failed);
}

static void test_unmapped(void **state)
{
    (void)state;
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(pages != MAP_FAILED);
    CHECK_EQ(munmap(pages + 4096, 4096), 0);
    memset(pages, 5, 4096);
    open_at(pages, 8192, true);
    CHECK_EQ(reader_number(&reader, (uintptr_t)pages + 4095, 1), 5);
    CHECK_EQ(reader_number(&reader, (uintptr_t)pages + 4096, 1), 0);
    CHECK(reader.has_failed);
    CHECK_EQ(munmap(pages, 4096), 0);
}

static void under_a_filter(void)
{
    reader_try_copy();
    CHECK(reader_may_copy());
    os_note_filter();
    CHECK(!reader_may_copy());
}

static void test_filter(void **state)
{
    (void)state;
    CHECK(!reader_may_copy()); /* nobody has tried */
    CHECK_CHILD(under_a_filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_pointers),
        cmocka_unit_test(test_bounds),  cmocka_unit_test(test_unmapped),
        cmocka_unit_test(test_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
