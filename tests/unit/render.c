/* SPDX-License-Identifier: MIT */
/*
 * Tests of diag/render.c: the writer's buffer, and what the forms say of a snapshot: figures
 * in the text, elements that are closed in the XML, keys in the report.
 */
#include "unit/unit.h"

#include "diag/diag.h"

#include <sys/prctl.h>

/* Purpose: what a writer handed on. */
static struct {
    char text[65536];
    size_t length;
    unsigned pieces;
} got;

static void keep(void *context, const char *text, size_t length)
{
    CHECK(context == &got);
    CHECK(length > 0 && length <= sizeof(((struct writer *)0)->buffer));
    CHECK(got.length + length < sizeof(got.text));
    memcpy(got.text + got.length, text, length);
    got.length += length;
    got.text[got.length] = '\0';
    got.pieces++;
}

static struct writer new_writer(void)
{
    memset(&got, 0, sizeof(got));
    return (struct writer){.put = keep, .context = &got};
}

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

/* A snapshot in which every figure is another one, as large as can be. */
static struct snapshot *full_snapshot(void)
{
    static struct snapshot snapshot = {.peak_bytes = UINT64_MAX - 100001};
    uint64_t value = UINT64_MAX - 100000;
    uint64_t *words = (uint64_t *)&snapshot.stats;
    for (size_t i = 0; i < sizeof(snapshot.stats) / 8; i++)
        words[i] = value++;
    for (unsigned i = CLASS_FIRST; i <= CLASS_ACE_LAST; i++)
        snapshot.classes[i] = (struct class_figures){size_classes[i].size,
                                                     value - i,
                                                     value + i,
                                                     1000 + i,
                                                     100 + i,
                                                     2000 + i,
                                                     {value + 200 + i, value + 400 + i}};
    return &snapshot;
}

static void check_has(const char *format, ...)
{
    char wanted[256];
    va_list args;
    va_start(args, format);
    vsnprintf(wanted, sizeof(wanted), format, args);
    va_end(args);
    if (!strstr(got.text, wanted))
        fprintf(stderr, "\"%s\" is not in: %.3000s\n", wanted, got.text);
    CHECK(strstr(got.text, wanted) != NULL);
}

static void test_text(void **state)
{
    (void)state;
    const struct snapshot *snapshot = full_snapshot();
    struct writer writer = new_writer();
    sites_count(77, 5);
    render_text(&writer, snapshot);
    writer_flush(&writer);
    check_has("version %s, %lu threads, 15.9 EiB of addresses in use", HAKMEM_VERSION_STRING,
              snapshot->stats.threads);
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        check_has("  %s: %lu live blocks, 15.9 EiB; 15.9 EiB cached, 15.9 EiB of addresses free in "
                  "slabs\n",
                  lane_name(lane), snapshot->stats.lane[lane].live_blocks);
    for (unsigned i = CLASS_FIRST; i <= CLASS_ACE_LAST; i++) {
        const struct class_figures *figures = &snapshot->classes[i];
        check_has("%u-byte blocks: %zu live, %zu cached, %zu free; %zu slabs\n", figures->size,
                  figures->live, figures->cached, figures->free, figures->slabs);
    }
    check_has("site 77: 1 call, 5 B asked for\n");
    CHECK_EQ(got.text[got.length - 1], '\n');
}

/* One of a kind, and sizes at the borders of the units. */
static void test_words(void **state)
{
    (void)state;
    static struct snapshot snapshot;
    snapshot.stats.threads = 1;
    snapshot.stats.mapped_bytes = 1023;
    snapshot.stats.warm_bytes = 1536;
    snapshot.stats.metadata_bytes = MIB - 1;
    snapshot.stats.lane[HAK_LANE_TINY] = (struct hak_lane_stats){MIB, 1, 0, GIB + GIB / 2};
    snapshot.classes[CLASS_FIRST] = (struct class_figures){.size = 16, .live = 1, .slabs = 1};
    struct writer writer = new_writer();
    render_text(&writer, &snapshot);
    writer_flush(&writer);
    check_has(", 1 thread, 1023 B of addresses in use, 1.5 KiB of them in free slabs, "
              "1023.9 KiB of records in use\n");
    check_has("  tiny: 1 live block, 1.0 MiB; 0 B cached, 1.5 GiB of addresses free in slabs\n");
    check_has("16-byte blocks: 1 live, 0 cached, 0 free; 1 slab\n");
}

/* Each element is closed in its turn; attributes are quoted. */
static void check_well_formed(const char *text)
{
    char open[8][32];
    unsigned depth = 0;
    unsigned elements = 0;
    for (const char *at = text; (at = strchr(at, '<')) != NULL; at++) {
        const char *end = strchr(at, '>');
        char name[32] = "";
        unsigned quotes = 0;
        CHECK(end != NULL && !memchr(at + 1, '<', (size_t)(end - at - 1)));
        for (const char *c = at; c < end; c++)
            quotes += *c == '"';
        CHECK_EQ(quotes % 2, 0);
        sscanf(at + 1, "%31[/a-z_]", name);
        elements++;
        if (name[0] == '/') {
            CHECK(depth > 0);
            depth--;
            CHECK(strcmp(open[depth], name + 1) == 0);
        } else if (end[-1] != '/') {
            CHECK(depth < 8);
            memcpy(open[depth++], name, sizeof(name));
        }
    }
    CHECK_EQ(depth, 0);
    CHECK(elements > 10);
}

static void test_xml(void **state)
{
    (void)state;
    const struct snapshot *snapshot = full_snapshot();
    struct writer writer = new_writer();
    render_xml(&writer, snapshot);
    writer_flush(&writer);
    CHECK(strncmp(got.text, "<malloc version=\"1\">", 20) == 0);
    check_well_formed(got.text);
    check_has("<heap nr=\"0\">");
    check_has("<size from=\"1\" to=\"16\" total=\"%u\" count=\"3002\"/>", 3002 * 16);
    check_has("<size from=\"1025\" to=\"1152\" ");
    check_has("<system type=\"current\" size=\"%lu\"/>", snapshot->stats.mapped_bytes);
    check_has("<system type=\"max\" size=\"%lu\"/>", snapshot->peak_bytes);
    check_has("<total type=\"mmap\" count=\"%lu\" size=\"%lu\"/>",
              snapshot->stats.lane[HAK_LANE_HUGE].live_blocks,
              snapshot->stats.lane[HAK_LANE_HUGE].live_bytes);
    check_has("<site id=\"77\" ");
}

/* Every line is "key value"; every figure is there. */
static void test_report(void **state)
{
    (void)state;
    const struct snapshot *snapshot = full_snapshot();
    const struct hak_stats *stats = &snapshot->stats;
    struct writer writer = new_writer();
    render_report(&writer, snapshot);
    writer_flush(&writer);
    check_has("version %s\npid %d\nprogram render", HAKMEM_VERSION_STRING, (int)getpid());
    check_has("reserved_bytes %lu\n", stats->reserved_bytes);
    check_has("mapped_bytes %lu\n", stats->mapped_bytes);
    check_has("warm_bytes %lu\n", stats->warm_bytes);
    check_has("metadata_bytes %lu\n", stats->metadata_bytes);
    check_has("purged_bytes %lu\n", stats->purged_bytes);
    check_has("threads %lu\n", stats->threads);
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        check_has("lane_%s_live_bytes %lu\n", lane_name(lane), stats->lane[lane].live_bytes);
        check_has("lane_%s_live_blocks %lu\n", lane_name(lane), stats->lane[lane].live_blocks);
        check_has("lane_%s_cached_bytes %lu\n", lane_name(lane), stats->lane[lane].cached_bytes);
        check_has("lane_%s_free_bytes %lu\n", lane_name(lane), stats->lane[lane].free_bytes);
    }
    check_has("\ncommand /");
    const char *peak = strstr(got.text, "\npeak_rss_bytes ");
    CHECK(peak != NULL && strtoul(peak + 16, NULL, 10) >= 100 * KIB);
    const char *rss = strstr(got.text, "\nrss_bytes ");
    CHECK(rss != NULL && strtoul(rss + 11, NULL, 10) >= 100 * KIB);
    CHECK_EQ(strtoul(rss + 11, NULL, 10) % 4096, 0);
    for (char *line = strtok(got.text, "\n"); line; line = strtok(NULL, "\n")) {
        size_t key = strspn(line, "abcdefghijklmnopqrstuvwxyz_");
        CHECK(key > 0 && line[key] == ' ' && line[key + 1] != '\0');
    }
}

/* A process may name itself with any bytes. */
static void test_report_of_odd_name(void **state)
{
    (void)state;
    char before[16];
    CHECK_EQ(prctl(PR_GET_NAME, before), 0);
    CHECK_EQ(prctl(PR_SET_NAME, "a\nb\x7f end 1\n"), 0);
    struct writer writer = new_writer();
    render_report(&writer, full_snapshot());
    writer_flush(&writer);
    CHECK_EQ(prctl(PR_SET_NAME, before), 0);
    check_has("\nprogram a?b? end 1?\n");
}

static const char *reason_name(enum hak_fb_reason reason)
{
    static const char *const names[HAK_FB_COUNT] = {"a", "b", "c", "d", "e"};
    return names[reason];
}

static const uint64_t calls[HAK_FB_COUNT] = {11, 12, 13, 14, 15};

/* Every bracket is closed in its turn; commas stand between things only. */
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
    render_json(&writer, snapshot, (struct handed_over){calls, reason_name});
    writer_flush(&writer);
    check_json(got.text);
    check_has("{\"hakmem\":\"%s\",\n\"format\":2,\n\"pid\":%d,\n", HAKMEM_VERSION_STRING,
              (int)getpid());
    check_has("{\"name\":\"ace\",\"live_blocks\":%lu,\"live_bytes\":%lu,",
              snapshot->stats.lane[HAK_LANE_ACE].live_blocks,
              snapshot->stats.lane[HAK_LANE_ACE].live_bytes);
    check_has("{\"size\":16,\"live_blocks\":%zu,\"free_blocks\":2001,\"thread_cached_blocks\":900,"
              "\"depots_blocks\":101,\"refilled_blocks\":%lu,\"flushed_blocks\":%lu}",
              snapshot->classes[1].live, snapshot->classes[1].traffic.taken,
              snapshot->classes[1].traffic.given);
    check_has("\"refilled_blocks\":%lu,\"flushed_blocks\":%lu}],\n",
              snapshot->stats.traffic[HAK_LANE_HUGE].refilled_blocks,
              snapshot->stats.traffic[HAK_LANE_HUGE].flushed_blocks);
    check_has("\"libc_calls\":{\"a\":11,\"b\":12,\"c\":13,\"d\":14,\"e\":15}}\n");
}

/* Each line is a head or a sample; a sample's metric has had its head. */
static void test_metrics(void **state)
{
    (void)state;
    char name[64] = "?";
    const struct snapshot *snapshot = full_snapshot();
    struct writer writer = new_writer();
    render_metrics(&writer, snapshot, (struct handed_over){calls, reason_name});
    writer_flush(&writer);
    check_has("hakmem_lane_bytes{lane=\"pool\",state=\"cached\"} %lu\n",
              snapshot->stats.lane[HAK_LANE_POOL].cached_bytes);
    check_has("hakmem_class_blocks{size=\"16\",state=\"thread_cached\"} 900\n");
    check_has("hakmem_refilled_blocks_total{size=\"32\"} %lu\n",
              snapshot->classes[2].traffic.taken);
    check_has("hakmem_flushed_blocks_total{size=\"32\"} %lu\n", snapshot->classes[2].traffic.given);
    check_has("hakmem_flushed_blocks_total{size=\"huge\"} %lu\n",
              snapshot->stats.traffic[HAK_LANE_HUGE].flushed_blocks);
    check_has("hakmem_libc_calls_total{reason=\"e\"} 15\n");
    CHECK(strcmp(got.text + got.length - 6, "# EOF\n") == 0);
    for (char *line = strtok(got.text, "\n"); line; line = strtok(NULL, "\n")) {
        if (sscanf(line, "# TYPE %63s ", name) == 1 || line[0] == '#')
            continue;
        CHECK(strncmp(line, name, strlen(name)) == 0);
        const char *value = strrchr(line, ' ');
        CHECK(value != NULL && value[1 + strspn(value + 1, "0123456789")] == '\0');
    }
}

static void test_empty_snapshot(void **state)
{
    static const struct snapshot nothing;
    (void)state;
    struct writer writer = new_writer();
    render_text(&writer, &nothing);
    writer_flush(&writer);
    CHECK(strstr(got.text, "class ") == NULL);
    writer = new_writer();
    render_xml(&writer, &nothing);
    writer_flush(&writer);
    check_well_formed(got.text);
    check_has("<sizes>\n</sizes>");
    writer = new_writer();
    render_json(&writer, &nothing, (struct handed_over){calls, reason_name});
    writer_flush(&writer);
    check_json(got.text);
    check_has("\"classes\":[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writer),         cmocka_unit_test(test_text),
        cmocka_unit_test(test_words),          cmocka_unit_test(test_xml),
        cmocka_unit_test(test_report),         cmocka_unit_test(test_report_of_odd_name),
        cmocka_unit_test(test_json),           cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_empty_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
