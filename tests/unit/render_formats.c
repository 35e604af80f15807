/* SPDX-License-Identifier: MIT */
/*
 * Tests of diag/render_formats.c: what JSON, metrics and the report of a process say of a snapshot.
 */
#include "unit/rendered.h"

#include <sys/prctl.h>

static const uint64_t calls[HAK_FB_COUNT] = {11, 12, 13, 14, 15};

/* Every bracket is closed in its turn; commas stand between things only. Text has none of these. */
static void check_json(const char *text)
{
    char open[16];
    unsigned depth = 0;
    char last = 0;
    for (const char *at = text; *at; at++) {
        if (*at == '{' || *at == '[')
            open[depth++] = *at == '{' ? '}' : ']';
        if (*at == '}' || *at == ']') {
            CHECK(depth > 0 && open[--depth] == *at);
            CHECK(last != ',');
        }
        CHECK(depth < sizeof(open) && (*at != ',' || (last != ',' && last != '[' && last != '{')));
        if (*at != ' ' && *at != '\n')
            last = *at;
    }
    CHECK_EQ(depth, 0);
}

static void test_json(void **state)
{
    (void)state;
    const struct snapshot *snapshot = full_snapshot();
    struct writer writer = new_writer();
    render_json(&writer, snapshot, calls);
    writer_flush(&writer);
    check_json(got.text);
    check_has("{\"hakmem\":\"%s\",\n\"format\":2,\n\"pid\":%d,\n", HAKMEM_VERSION_STRING,
              (int)getpid());
    check_has("{\"name\":\"ace\",\"live_blocks\":%lu,\"live_bytes\":%lu,",
              snapshot->stats.lane[HAK_LANE_ACE].live_blocks,
              snapshot->stats.lane[HAK_LANE_ACE].live_bytes);
    check_has("{\"size\":16,\"live_blocks\":%zu,\"free_blocks\":2001,\"thread_cached_blocks\":900,"
              "\"depots_blocks\":101,\"refilled_blocks\":%lu,\"flushed_blocks\":%lu}",
              snapshot->classes[1].live, snapshot->classes[1].traffic.refilled,
              snapshot->classes[1].traffic.flushed);
    check_has("\"refilled_blocks\":%lu,\"flushed_blocks\":%lu}],\n",
              snapshot->stats.traffic[HAK_LANE_HUGE].refilled_blocks,
              snapshot->stats.traffic[HAK_LANE_HUGE].flushed_blocks);
    check_has("\"libc_calls\":{\"force_libc\":11,\"foreign_free\":12,\"foreign_realloc\":13,"
              "\"foreign_usable\":14,\"init_wait\":15}}\n");
}

/* The same, and what the kernel says of the process. */
static void test_report(void **state)
{
    (void)state;
    struct writer writer = new_writer();
    render_report(&writer, full_snapshot(), calls);
    writer_flush(&writer);
    check_json(got.text);
    check_has("\"pid\":%d,\n\"rss_bytes\":", (int)getpid());
    check_has(",\n\"program\":\"render_formats");
    check_has(",\n\"command\":\"/");
    check_has("{\"name\":\"huge\",\"live_blocks\":");
    check_has("\"init_wait\":15}}\n");
    const char *peak = strstr(got.text, "\n\"peak_rss_bytes\":");
    CHECK(peak != NULL && strtoul(peak + 18, NULL, 10) >= 100 * KIB);
    const char *rss = strstr(got.text, "\n\"rss_bytes\":");
    CHECK(rss != NULL && strtoul(rss + 13, NULL, 10) >= 100 * KIB);
    CHECK_EQ(strtoul(rss + 13, NULL, 10) % 4096, 0);
}

/* A process may name itself with any bytes. */
static void test_report_of_odd_name(void **state)
{
    (void)state;
    char before[16];
    CHECK_EQ(prctl(PR_GET_NAME, before), 0);
    CHECK_EQ(prctl(PR_SET_NAME, "a\nb\x7f \\\"}\xff\xc3\xa4\n"), 0);
    struct writer writer = new_writer();
    render_report(&writer, full_snapshot(), calls);
    writer_flush(&writer);
    CHECK_EQ(prctl(PR_SET_NAME, before), 0);
    check_has("\n\"program\":\"a\\nb? \\\\\\\"}?\xc3\xa4\\n\",\n");
}

/* Each line is a head or a sample; a sample's metric has had its head. */
static void test_metrics(void **state)
{
    (void)state;
    char name[64] = "?";
    const struct snapshot *snapshot = full_snapshot();
    struct writer writer = new_writer();
    render_metrics(&writer, snapshot, calls);
    writer_flush(&writer);
    check_has("hakmem_lane_bytes{lane=\"pool\",state=\"cached\"} %lu\n",
              snapshot->stats.lane[HAK_LANE_POOL].cached_bytes);
    check_has("hakmem_class_blocks{size=\"16\",state=\"thread_cached\"} 900\n");
    check_has("hakmem_refilled_blocks_total{size=\"32\"} %lu\n",
              snapshot->classes[2].traffic.refilled);
    check_has("hakmem_flushed_blocks_total{size=\"32\"} %lu\n",
              snapshot->classes[2].traffic.flushed);
    check_has("hakmem_flushed_blocks_total{size=\"huge\"} %lu\n",
              snapshot->stats.traffic[HAK_LANE_HUGE].flushed_blocks);
    check_has("hakmem_libc_calls_total{reason=\"init_wait\"} 15\n");
    CHECK(strcmp(got.text + got.length - 6, "# EOF\n") == 0);
    for (char *line = strtok(got.text, "\n"); line; line = strtok(NULL, "\n")) {
        if (sscanf(line, "# TYPE %63s ", name) == 1 || line[0] == '#')
            continue;
        CHECK(strncmp(line, name, strlen(name)) == 0);
        const char *value = strrchr(line, ' ');
        CHECK(value != NULL && value[1 + strspn(value + 1, "0123456789")] == '\0');
    }
}

static void test_nothing(void **state)
{
    static const struct snapshot nothing;
    (void)state;
    struct writer writer = new_writer();
    render_json(&writer, &nothing, calls);
    writer_flush(&writer);
    check_json(got.text);
    check_has("\"classes\":[]");
    CHECK(strstr(got.text, "rss_bytes") == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_report),
        cmocka_unit_test(test_report_of_odd_name),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
