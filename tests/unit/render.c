/* SPDX-License-Identifier: MIT */
/*
 * Tests of diag/render.c: figures in the text, and elements that are closed in the XML.
 */
#include "diag/figures.h"
#include "unit/rendered.h"

static void test_text(void **state)
{
    (void)state;
    const struct snapshot *snapshot = full_snapshot();
    struct writer writer = new_writer();
    sites_count(77, 5);
    render_text(&writer, snapshot);
    writer_flush(&writer);
    check_has("version %s, %lu threads, 16.0 EiB of addresses in use", HAKMEM_VERSION_STRING,
              snapshot->stats.threads);
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        check_has("  %s: %lu live blocks, 16.0 EiB; 16.0 EiB cached, 16.0 EiB of addresses free in "
                  "slabs\n",
                  lane_names[lane], snapshot->stats.lane[lane].live_blocks);
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
              "1.0 MiB of records in use\n");
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
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_xml),
        cmocka_unit_test(test_empty_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
