/* SPDX-License-Identifier: MIT */
/*
 * Tests of front/request.c and of settings_change: what is asked is done at the next slow path,
 * once, and what another process should not have written is refused.
 */
#include "unit/unit.h"

#include "front/request.h"
#include "front/route.h"
#include "watch/profile.h"

static int set_up(void **state)
{
    (void)state;
    return reservation_make() ? 0 : -1;
}

static struct request *ask(unsigned slot, int64_t value)
{
    struct request *request = &requests.slots[slot];
    atomic_store(&request->value, value);
    request->result = 12345;
    atomic_fetch_add(&request->asked, 1);
    atomic_store(&requests.is_waiting, 1);
    return request;
}

static bool is_served(const struct request *request)
{
    return atomic_load(&request->served) == atomic_load(&request->asked);
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
    struct request *request = ask(REQUEST_TRIM, 0);
    CHECK(!is_served(request));
    pass_slow_path();
    CHECK(is_served(request));
    CHECK(request->result >= (int64_t)(8 * MIB));
    request->result = 7;
    pass_slow_path();
    CHECK_EQ(request->result, 7);
}

static void set_changes_what_may_change(void **state)
{
    (void)state;
    struct request *request = ask(REQUEST_SET + LIVE_ss_cache_max, 5 * (int64_t)MIB);
    pass_slow_path();
    CHECK_EQ(request->result, 0);
    CHECK_EQ(settings.ss_cache_max, 5 * MIB);
}

static void several_can_stand(void **state)
{
    (void)state;
    struct request *trim = ask(REQUEST_TRIM, 0);
    struct request *decay = ask(REQUEST_SET + LIVE_decay_ms, 500);
    struct request *cache = ask(REQUEST_SET + LIVE_ss_cache_max, 6 * (int64_t)MIB);
    ask(REQUEST_SET + LIVE_ss_cache_max, 7 * (int64_t)MIB); /* in the place of the last */
    pass_slow_path();
    CHECK(is_served(trim) && is_served(decay) && is_served(cache));
    CHECK_EQ(settings.decay_ms, 500);
    CHECK_EQ(settings.ss_cache_max, 7 * MIB);
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    struct settings before = settings;
    const struct {
        unsigned live;
        int64_t value;
    } bad[] = {
        {LIVE_ss_cache_max, -1},
        {LIVE_decay_ms, -2},
        {LIVE_tiny_refill_batch_size, BATCH_BLOCKS + 1},
        {LIVE_limit, -101},
        {LIVE_limit, (int64_t)TIB + 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct request *request = ask(REQUEST_SET + bad[i].live, bad[i].value);
        pass_slow_path();
        CHECK(is_served(request));
        CHECK(request->result == -1);
    }
    CHECK(!settings_change(LIVE_COUNT, 0));
    CHECK(!settings_change(UINT32_MAX, 0));
    CHECK(memcmp(&before, &settings, sizeof(before)) == 0);
}

static size_t trim_of_helper(void)
{
    return 4711;
}

static void the_helper_leaves_the_limit(void **state)
{
    (void)state;
    struct request *trim = ask(REQUEST_TRIM, 0);
    struct request *limit = ask(REQUEST_SET + LIVE_limit, 1 * (int64_t)GIB);
    request_serve_by_helper(trim_of_helper);
    CHECK(is_served(trim) && !is_served(limit));
    CHECK_EQ(trim->result, 4711);
    pass_slow_path();
    CHECK(is_served(limit));
    CHECK_EQ(settings.limit, 1 * GIB);
}

static void profiling_starts_and_stops(void **state)
{
    (void)state;
    struct request *request = ask(REQUEST_PROFILE, 4096);
    request_serve_by_helper(trim_of_helper);
    CHECK(!is_served(request));
    pass_slow_path();
    CHECK(is_served(request));
    CHECK_EQ(request->result, 0);
    CHECK_EQ(profile.is_on, PROFILE_BY_COMMAND);
    CHECK_EQ(profile.interval, 4096);
    ask(REQUEST_PROFILE, 0);
    pass_slow_path();
    CHECK(is_served(request));
    CHECK_EQ(profile.is_on, 0);
    const int64_t bad[] = {-1, INT64_MIN, (int64_t)TIB + 1, INT64_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ask(REQUEST_PROFILE, bad[i]);
        pass_slow_path();
        CHECK(is_served(request));
        CHECK(request->result == -1);
        CHECK_EQ(profile.is_on, 0);
    }
}

static void a_limit_holds_at_once(void **state)
{
    (void)state;
    ask(REQUEST_SET + LIVE_limit, 64 * (int64_t)MIB);
    CHECK(route_alloc(GIB, false) == NULL);
    ask(REQUEST_SET + LIVE_limit, 0);
    void *block = route_alloc(GIB, false);
    CHECK(block != NULL);
    CHECK(route_free(block));
}

static void a_child_has_none(void **state)
{
    (void)state;
    struct request *request = ask(REQUEST_SET + LIVE_ss_cache_max, 9 * (int64_t)MIB);
    request_reset_in_child();
    pass_slow_path();
    CHECK(is_served(request));
    CHECK(settings.ss_cache_max != 9 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trim_gives_pages_back),
        cmocka_unit_test(set_changes_what_may_change),
        cmocka_unit_test(several_can_stand),
        cmocka_unit_test(bad_requests_are_refused),
        cmocka_unit_test(the_helper_leaves_the_limit),
        cmocka_unit_test(profiling_starts_and_stops),
        cmocka_unit_test(a_limit_holds_at_once),
        cmocka_unit_test(a_child_has_none),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
