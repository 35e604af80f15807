/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/setting_rows.c: what is written of a value is read as that value, and what is said of
 * each kind. What is refused is tested with settings.c.
 */
#include "unit/unit.h"

#include "os/setting_rows.h"

static const struct setting_row *row_of(const char *name)
{
    for (size_t i = 0; i < SETTING_ROWS; i++)
        if (strcmp(setting_rows[i].name, name) == 0)
            return &setting_rows[i];
    fail_msg("no row %s", name);
    return NULL;
}

static void check_round_trip(const struct setting_row *row, int64_t value)
{
    int64_t read = -77;
    CHECK(setting_parse(row, setting_write(row, value).bytes, &read));
    CHECK(read == value);
}

static void test_round_trips(void **state)
{
    (void)state;
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const struct setting_row *row = &setting_rows[i];
        if (row->kind == KIND_TEXT)
            continue;
        check_round_trip(row, row->initial);
        check_round_trip(row, row->min);
        check_round_trip(row, row->max);
        for (int64_t value = row->min; value < row->max && value < 5000; value++)
            check_round_trip(row, value);
        for (int64_t value = 1; value < row->max / 3; value *= 3)
            if (value >= row->min)
                check_round_trip(row, value);
    }
}

static void check_write(const char *name, int64_t value, const char *expected)
{
    CHECK(strcmp(setting_write(row_of(name), value).bytes, expected) == 0);
}

static void test_written(void **state)
{
    (void)state;
    check_write("LIMIT", 0, "none");
    check_write("LIMIT", -90, "90%");
    check_write("LIMIT", INT64_MIN, "9223372036854775808%");
    check_write("LIMIT", 3 * (int64_t)MIB, "3M");
    check_write("SS_CACHE_MAX", 0, "0");
    check_write("SS_CACHE_MAX", TIB, "1024G");
    check_write("SS_CACHE_MAX", 1025, "1025");
    check_write("SS_PREFAULT", PREFAULT_AUTO, "auto");
    check_write("HUGE_PAGES", HUGE_PAGES_OFF, "off");
    check_write("HUGE_PAGES", 77, "77");
    check_write("STATS", WHEN_INTERVAL, "interval");
    check_write("STATS", WHEN_NEVER, "0");
    check_write("DECAY_MS", -1, "-1");
    check_write("METRICS", 0, "none");
}

static void check_expectation(const char *name, const char *expected)
{
    CHECK(strcmp(setting_expectation(row_of(name)).bytes, expected) == 0);
}

static void test_expectations(void **state)
{
    (void)state;
    check_expectation("LIMIT", "bytes (K, M or G may follow), 0 to 1024G, 1% to 100%, none");
    check_expectation("SS_CACHE_MAX", "bytes (K, M or G may follow), 0 to 1024G");
    check_expectation("TINY_REFILL_BATCH_SIZE", "a number, 1 to 64");
    check_expectation("DECAY_MS", "milliseconds, -1 to 3600000");
    check_expectation("WRAP_DIAG", "0 or 1");
    check_expectation("SS_PREFAULT", "0, 1, 2 or auto");
    check_expectation("METRICS", "a path");
    /* each word is named where it may be used */
    for (size_t i = 0; i < SETTING_ROWS; i++)
        for (size_t j = 0; j < SETTING_WORDS; j++)
            CHECK(!setting_has_word(&setting_rows[i], &setting_words[j]) ||
                  strstr(setting_range(&setting_rows[i]).bytes, setting_words[j].text));
}

static void test_live(void **state)
{
    (void)state;
    CHECK(setting_live_row(LIVE_limit) == row_of("LIMIT"));
    CHECK(setting_live_row(LIVE_decay_ms) == row_of("DECAY_MS"));
    CHECK(setting_live_row(LIVE_COUNT) == NULL && setting_live_row(UINT32_MAX) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_written),
        cmocka_unit_test(test_expectations),
        cmocka_unit_test(test_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
