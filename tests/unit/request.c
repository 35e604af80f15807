/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/request.c and of settings_change: what is asked is done at the next slow path,
 * once, and what another process should not have written is refused.
 */
#include "unit/unit.h"

#include "front/request.h"

static int set_up(void **state)
{
    (void)state;
    return reservation_make() ? 0 : -1;
}

static uint32_t row_of(const char *wanted)
{
    static const char *const names[] = {
#define X(field, name, kind, initial, min, max, help) name,
        HAK_SETTINGS(X)
#undef X
    };
    uint32_t row = 0;
    while (row < sizeof(names) / sizeof(names[0]) && strcmp(names[row], wanted) != 0)
        row++;
    return row;
}

static void ask(uint32_t kind, uint32_t setting, int64_t value)
{
    request.kind = kind;
    request.setting = setting;
    request.value = value;
    request.result = 12345;
    atomic_store(&request.state, REQUEST_ASKED);
}

/* A slow path of this thread: a block of a Huge size has no other. */
static void pass_slow_path(void)
{
    void *block = route_alloc(4 * MIB, false);
    CHECK(block != NULL);
    CHECK(route_free(block));
}

static void trim_gives_pages_back(void **state)
{
    (void)state;
    settings.decay_ms = -1;
    char *block = route_alloc(8 * MIB, false);
    memset(block, 1, 8 * MIB);
    CHECK(route_free(block));
    ask(REQUEST_TRIM, 0, 0);
    pass_slow_path();
    CHECK_EQ(atomic_load(&request.state), REQUEST_DONE);
    CHECK(request.result >= (int64_t)(8 * MIB));
    request.result = 7;
    pass_slow_path();
    CHECK_EQ(request.result, 7);
}

static void set_changes_what_may_change(void **state)
{
    (void)state;
    ask(REQUEST_SET, row_of("SS_CACHE_MAX"), 5 * (int64_t)MIB);
    pass_slow_path();
    CHECK_EQ(request.result, 0);
    CHECK_EQ(settings.ss_cache_max, 5 * MIB);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    struct settings before = settings;
    const struct {
        uint32_t kind;
        uint32_t setting;
        int64_t value;
    } bad[] = {
        {REQUEST_SET, row_of("SS_CACHE_MAX"), -1},
        {REQUEST_SET, row_of("DECAY_MS"), -2},
        {REQUEST_SET, row_of("TINY_REFILL_BATCH_SIZE"), BATCH_BLOCKS + 1},
        {REQUEST_SET, row_of("FORCE_LIBC_ALLOC"), 1},
        {REQUEST_SET, row_of("REPORT"), 0},
        {REQUEST_SET, row_of("no such row"), 0},
        {REQUEST_SET, UINT32_MAX, 0},
        {77, 0, 0},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ask(bad[i].kind, bad[i].setting, bad[i].value);
        pass_slow_path();
        CHECK_EQ(atomic_load(&request.state), REQUEST_DONE);
        CHECK(request.result == -1);
    }
    CHECK(memcmp(&before, &settings, sizeof(before)) == 0);
}

static void a_child_has_none(void **state)
{
    (void)state;
    ask(REQUEST_SET, row_of("SS_CACHE_MAX"), 7 * (int64_t)MIB);
    request_reset_in_child();
    pass_slow_path();
    CHECK_EQ(atomic_load(&request.state), REQUEST_NONE);
    CHECK(settings.ss_cache_max != 7 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trim_gives_pages_back),
        cmocka_unit_test(set_changes_what_may_change),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(a_child_has_none),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
