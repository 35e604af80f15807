/* SPDX-License-Identifier: MIT */
/*
 * Tests of base/format.c: a writer's buffer, and strings of JSON. What text_format knows is tested
 * with log.c.
 */
#include "unit/written.h"

static void test_writer(void **state)
{
    static char expected[40000];
    size_t length = 0;
    (void)state;
    struct writer writer = new_writer();
    writer_flush(&writer);
    CHECK_EQ(got.pieces, 0);
    for (unsigned i = 0; i < 3000; i++) {
        length += (size_t)snprintf(expected + length, 32, "%u,%s;", i, i % 7 ? "ab" : "");
        writer_add(&writer, "%u,%s;", i, i % 7 ? "ab" : "");
    }
    CHECK(got.pieces > 5);
    writer_flush(&writer);
    CHECK_EQ(got.length, length);
    CHECK(strcmp(got.text, expected) == 0);
    unsigned pieces = got.pieces;
    writer_flush(&writer);
    CHECK_EQ(got.pieces, pieces);
}

static void check_quoted(const char *text, const char *expected)
{
    struct writer writer = new_writer();
    writer_add_quoted(&writer, text);
    writer_flush(&writer);
    CHECK(strcmp(got.text, expected) == 0);
}

static void test_quoted(void **state)
{
    (void)state;
    check_quoted("", "\"\"");
    check_quoted("a b", "\"a b\"");
    check_quoted("\"\\/", "\"\\\"\\\\/\"");
    check_quoted("\n\t\r\x1b\x7f", "\"\\n\\t???\"");
    check_quoted("\xc3\xa4\xe2\x80\xae\xf0\x9f\x98\x80", "\"\xc3\xa4?\xf0\x9f\x98\x80\"");
    check_quoted("\xff\xc3", "\"??\"");
}

/* Of a piece that is too long the end is left out. */
static void test_long_piece(void **state)
{
    static char text[1000];
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    struct writer writer = new_writer();
    writer_add(&writer, "%s", text);
    writer_add(&writer, "end");
    writer_flush(&writer);
    CHECK_EQ(got.length, 319 + 3);
}

/* Against the arithmetic of printf, in which sums of powers of two are exact. */
static void check_size(uint64_t bytes)
{
    char expected[32];
    unsigned step = 0;
    double size = (double)bytes / 1024;
    for (; size >= 1023.95; size /= 1024)
        step++;
    if (bytes < 1024)
        snprintf(expected, sizeof(expected), "%lu B", bytes);
    else
        snprintf(expected, sizeof(expected), "%.1f %ciB", size, "KMGTPE"[step]);
    CHECK(strcmp(text_of_size(bytes).bytes, expected) == 0);
}

static void test_size(void **state)
{
    (void)state;
    for (uint64_t bytes = 0; bytes < 3 * MIB; bytes += 1 + bytes / 4096)
        check_size(bytes);
    for (unsigned shift = 10; shift < 64; shift++)
        for (uint64_t part = 1; part < 2048; part += 1 + part / 64)
            check_size(part << shift >> 10);
    CHECK(strcmp(text_of_size(1310720).bytes, "1.2 MiB") == 0);
    CHECK(strcmp(text_of_size(1441792).bytes, "1.4 MiB") == 0);
    CHECK(strcmp(text_of_size(MIB - 1).bytes, "1.0 MiB") == 0);
    CHECK(strcmp(text_of_size(UINT64_MAX).bytes, "16.0 EiB") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer),
        cmocka_unit_test(test_quoted),
        cmocka_unit_test(test_long_piece),
        cmocka_unit_test(test_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
