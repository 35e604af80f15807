/* SPDX-License-Identifier: MIT */
/*
 * Tests of diag/figures.c: the names, and the forms with residency, as the command fills them; as
 * the library does, see render_formats.c.
 */
#include "diag/figures.h"
#include "unit/rendered.h"

static const uint64_t calls[HAK_FB_COUNT] = {11, 12, 13, 14, 15};

static void class_row(const void *context, unsigned size_class, struct row_figures *row)
{
    *row = (struct row_figures){.size = size_classes[size_class].size};
    if (size_class == 2)
        *row = *(const struct row_figures *)context;
}

/* Every figure another one; blocks of one class. */
static struct figures some_figures(void)
{
    static struct row_figures lanes[HAK_LANE_COUNT];
    static const struct row_figures row = {.size = 32,
                                           .blocks = {1, 2, 3, 4},
                                           .bytes = {5, 6, 7, 8},
                                           .mapped = 9,
                                           .traffic = {10, 11}};
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++)
        lanes[lane] = row;
    lanes[HAK_LANE_HUGE].traffic.flushed = 12;
    struct figures figures = {.version = "1.2.3",
                              .pid = 77,
                              .is_outside = true,
                              .lanes = lanes,
                              .class_row = class_row,
                              .context = &row,
                              .libc_calls = calls};
    for (uint64_t i = 0; i < FIGURES_TOTALS; i++) {
        uint64_t value = 100 + i;
        memcpy((char *)&figures + figures_totals[i].offset, &value, sizeof(value));
    }
    return figures;
}

static void test_names(void **state)
{
    (void)state;
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++) {
        size_t size = size_classes[c].size;
        CHECK_EQ(lane_of_class(c), size <= LANE_TINY_MAX   ? HAK_LANE_TINY
                                   : size <= LANE_POOL_MAX ? HAK_LANE_POOL
                                                           : HAK_LANE_ACE);
    }
    for (unsigned reason = 0; reason < HAK_FB_COUNT; reason++)
        CHECK(libc_reason_names[reason] != NULL);
    CHECK(strcmp(lane_names[HAK_LANE_ACE], "ace") == 0);
    CHECK(strcmp(lane_titles[HAK_LANE_ACE], "ACE") == 0);
}

static void test_json(void **state)
{
    (void)state;
    struct figures figures = some_figures();
    struct writer writer = new_writer();
    figures_json_begin(&writer, &figures);
    writer_add(&writer, ",\n");
    figures_json_text(&writer, "odd", "a\"b");
    figures_json_end(&writer, &figures);
    writer_flush(&writer);
    check_has("{\"hakmem\":\"1.2.3\",\n\"format\":2,\n\"pid\":77,\n\"rss_bytes\":0,\n"
              "\"odd\":\"a\\\"b\",\n\"lanes\":[\n{\"name\":\"tiny\",\"live_blocks\":1,"
              "\"live_bytes\":5,\"free_blocks\":2,\"free_bytes\":6,");
    check_has("\"classes\":[\n{\"size\":32,\"live_blocks\":1,\"live_bytes\":5,\"free_blocks\":2,"
              "\"free_bytes\":6,\"thread_cached_blocks\":3,\"thread_cached_bytes\":7,"
              "\"depots_blocks\":4,\"depots_bytes\":8,\"mapped_bytes\":9,"
              "\"refilled_blocks\":10,\"flushed_blocks\":11}],\n");
    for (unsigned i = 0; i < FIGURES_TOTALS; i++)
        if (figures_totals[i].side != FIGURES_INSIDE)
            check_has("\n\"%s\":%u,\n", figures_totals[i].key, 100 + i);
    CHECK(strstr(got.text, "\"thread_cached_bytes\":105") == NULL);
    CHECK(strstr(got.text, "peak") == NULL);
}

static void test_metrics(void **state)
{
    (void)state;
    struct figures figures = some_figures();
    struct writer writer = new_writer();
    figures_metrics(&writer, &figures);
    writer_flush(&writer);
    check_has("hakmem_rss_bytes 0\n");
    check_has("hakmem_lane_resident_bytes{lane=\"huge\",state=\"thread_cached\"} 7\n");
    check_has("hakmem_lane_blocks{lane=\"huge\",state=\"thread_cached\"} 3\n");
    check_has("hakmem_class_blocks{size=\"32\",state=\"depots\"} 4\n");
    check_has("hakmem_flushed_blocks_total{size=\"huge\"} 12\n# TYPE hakmem_threads gauge\n");
    check_has("\nhakmem_purged_bytes_total 108\n");
    CHECK(strstr(got.text, "size=\"16\"") == NULL && strstr(got.text, "implausible") == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_metrics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
