/* SPDX-License-Identifier: MIT */
/*
 * Tests of what `hakmem serve` is made of: metrics of processes as one text, the choice of a
 * process, what a collection leaves behind, and the difference of two profiles.
 */
#include "parts.h"

#include <stdlib.h>
#include <unistd.h>

#include "serve/difference.h"
#include "serve/metrics.h"
#include "serve/processes.h"

static struct collection collection;

static void add(pid_t pid, const char *program, const char *metrics)
{
    struct process_row *row = &collection.rows[collection.count++];
    *row = (struct process_row){.facts = {.pid = pid}, .metrics = strdup(metrics)};
    snprintf(row->facts.program, sizeof row->facts.program, "%s", program);
}

static void clear(void)
{
    for (size_t i = 0; i < collection.count; i++)
        free(collection.rows[i].metrics);
    free(collection.known);
    collection = (struct collection){.count = 0};
}

static char *written(bool is_open, bool has_classes)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    const struct metrics_form form = {.is_open = is_open, .has_classes = has_classes};
    metrics_write(out, &collection, &form);
    fclose(out);
    /* what comes after is the server's own */
    char *own = strstr(text, "# TYPE hakmem_serve_processes");
    CHECK(own && strcmp(text + size - 6, "# EOF\n") == 0);
    *own = '\0';
    return text;
}

static void expect_metrics(bool is_open, bool has_classes, const char *expected)
{
    char *text = written(is_open, has_classes);
    if (strcmp(text, expected) != 0)
        fprintf(stderr, "expected:\n%sgot:\n%s", expected, text);
    CHECK(strcmp(text, expected) == 0);
    free(text);
}

#define HEADS                                                                                      \
    "# TYPE hakmem_a_bytes gauge\n# HELP hakmem_a_bytes A, as \"it\" is.\nhakmem_a_bytes 1\n"      \
    "# TYPE hakmem_c counter\n# HELP hakmem_c C.\nhakmem_c_total{size=\"16\"} 5\n"                 \
    "# TYPE hakmem_d_bytes counter\n# HELP hakmem_d_bytes D.\nhakmem_d_bytes_total{x=\"y\"} 7\n"

static void it_joins_metrics(void **state)
{
    (void)state;
    add(7, "a\"b\\c\nd", HEADS "# EOF\n");
    add(9, "e",
        "# TYPE hakmem_b gauge\n# HELP hakmem_b B.\nhakmem_b{k=\"}\"} -2\n" HEADS "# EOF\n");
    add(10, "none", "");
    expect_metrics(true, true,
                   "# TYPE hakmem_a_bytes gauge\n# UNIT hakmem_a_bytes bytes\n"
                   "# HELP hakmem_a_bytes A, as \"it\" is.\n"
                   "hakmem_a_bytes{pid=\"7\",program=\"a\\\"b\\\\c\\nd\"} 1\n"
                   "hakmem_a_bytes{pid=\"9\",program=\"e\"} 1\n"
                   "# TYPE hakmem_c counter\n# HELP hakmem_c C.\n"
                   "hakmem_c_total{pid=\"7\",program=\"a\\\"b\\\\c\\nd\",size=\"16\"} 5\n"
                   "hakmem_c_total{pid=\"9\",program=\"e\",size=\"16\"} 5\n"
                   "# TYPE hakmem_d_bytes counter\n# UNIT hakmem_d_bytes bytes\n"
                   "# HELP hakmem_d_bytes D.\n"
                   "hakmem_d_bytes_total{pid=\"7\",program=\"a\\\"b\\\\c\\nd\",x=\"y\"} 7\n"
                   "hakmem_d_bytes_total{pid=\"9\",program=\"e\",x=\"y\"} 7\n"
                   "# TYPE hakmem_b gauge\n# HELP hakmem_b B.\n"
                   "hakmem_b{pid=\"9\",program=\"e\",k=\"}\"} -2\n");
    expect_metrics(false, false,
                   "# TYPE hakmem_a_bytes gauge\n# HELP hakmem_a_bytes A, as \"it\" is.\n"
                   "hakmem_a_bytes{pid=\"7\",program=\"a\\\"b\\\\c\\nd\"} 1\n"
                   "hakmem_a_bytes{pid=\"9\",program=\"e\"} 1\n"
                   "# TYPE hakmem_d_bytes_total counter\n# HELP hakmem_d_bytes_total D.\n"
                   "hakmem_d_bytes_total{pid=\"7\",program=\"a\\\"b\\\\c\\nd\",x=\"y\"} 7\n"
                   "hakmem_d_bytes_total{pid=\"9\",program=\"e\",x=\"y\"} 7\n"
                   "# TYPE hakmem_b gauge\n# HELP hakmem_b B.\n"
                   "hakmem_b{pid=\"9\",program=\"e\",k=\"}\"} -2\n");
    clear();
}

/* Texts that are no metrics lead to no crash, and no endless loop. */
static void it_bears_any_text(void **state)
{
    static const char *const texts[] = {"#",
                                        "# TYPE ",
                                        "# TYPE x",
                                        "# TYPE x\n",
                                        "# TYPE x gauge",
                                        "# TYPE x gauge\n# HELP ",
                                        "# TYPE x gauge\n# HELP x\n{}\n \n\nx",
                                        "# TYPE x gauge\n# TYPE x gauge\nx 1\nx 2",
                                        "\n\n\n",
                                        "x 1\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        add(1, "a", texts[i]);
        add(2, "b", HEADS);
        free(written(true, true));
        free(written(false, false));
        clear();
    }
}

static void expect_choice(const char *program, pid_t pid, const char *line)
{
    struct answer answer = {.body = NULL};
    CHECK_EQ(processes_choose(&collection, program, &answer), pid);
    if (pid == 0) {
        CHECK_EQ(answer.status, ANSWER_BAD_REQUEST);
        CHECK(strncmp(answer.body, line, strlen(line)) == 0);
    }
    free(answer.body);
}

static void it_chooses(void **state)
{
    (void)state;
    expect_choice(NULL, 0, "no process has a profile: ");
    add(3, "a", "");
    add(4, "a", "");
    add(5, "b", "");
    collection.rows[1].facts.has_profile = true;
    expect_choice(NULL, 4, NULL);
    expect_choice("a", 4, NULL);
    expect_choice("b", 0, "no process of the name 'b' has a profile ");
    collection.rows[2].facts.has_profile = true;
    expect_choice(
        NULL, 0,
        "which process? 2 have a profile: add ?pid=N, or /N before the path: 4 (a), 5 (b)\n");
    expect_choice("b", 5, NULL);
    for (pid_t pid = 6; pid < 20; pid++) {
        add(pid, "the longest name that there may be, and some more of it, and on", "");
        collection.rows[collection.count - 1].facts.has_profile = true;
    }
    expect_choice(NULL, 0, "which process? 16 have a profile: ");
    clear();
}

/* ---- collections ---- */

/* As the job writes them: facts and their metrics, and what comes last. */
static struct answer answer_of(const struct facts *facts, size_t count, size_t tail)
{
    struct answer answer;
    FILE *out = answer_begin(&answer, CONTENT_TEXT);
    for (size_t i = 0; i < count; i++) {
        fwrite(&facts[i], sizeof facts[i], 1, out);
        fprintf(out, "%.*s", (int)facts[i].text_size, "metrics");
    }
    for (size_t i = 0; i < tail; i++)
        fputc(0, out);
    answer_end(&answer, out);
    return answer;
}

static void it_remembers(void **state)
{
    const pid_t own = getpid();
    struct facts facts[] = {
        {.pid = 1, .kind = FACTS_WITHOUT},
        {.pid = own, .kind = FACTS_BAD, .why = "bad"},
        {.pid = INT32_MAX, .kind = FACTS_BAD}, /* it has ended meanwhile */
        {.pid = 2, .kind = FACTS_GOOD, .text_size = 7},
    };
    (void)state;
    for (unsigned pause = 4; pause < 2000; pause *= 2) {
        struct answer answer = answer_of(facts, 4, 24);
        CHECK(collection_take(&collection, &answer));
        free(answer.body);
        CHECK_EQ(collection.count, 1);
        CHECK_EQ(collection.rows[0].facts.pid, 2);
        CHECK(strcmp(collection.rows[0].metrics, "metrics") == 0);
        CHECK_EQ(collection_count(&collection, FACTS_BAD), 1);
        CHECK_EQ(collection_count(&collection, FACTS_WITHOUT), 1);
        CHECK_EQ(collection.known_count, 2);
        CHECK_EQ(collection.known[1].facts.pid, own);
        CHECK_EQ(collection.known[1].pause, pause < 640 ? pause : 640);
    }
    facts[1] = (struct facts){.pid = own, .kind = FACTS_GOOD};
    struct answer answer = answer_of(facts, 2, 24);
    CHECK(collection_take(&collection, &answer));
    free(answer.body);
    CHECK_EQ(collection.known_count, 1);
    CHECK_EQ(collection.count, 1);
    CHECK_EQ(collection.rows[0].facts.pid, own);
    clear();
}

/* An answer that was cut anywhere. */
static void it_bears_any_answer(void **state)
{
    const struct facts facts[] = {
        {.pid = 1, .kind = FACTS_GOOD, .text_size = 7},
        {.pid = 2, .kind = FACTS_BAD, .text_size = SIZE_MAX},
        {.pid = 3, .kind = 99},
    };
    struct answer whole = answer_of(facts, 1, 24);
    (void)state;
    for (size_t size = 0; size <= whole.size; size++) {
        struct answer answer = {.status = ANSWER_OK, .body = malloc(size + 1), .size = size};
        memcpy(answer.body, whole.body, size);
        collection_take(&collection, &answer);
        CHECK(collection.count <= 1);
        free(answer.body);
    }
    free(whole.body);
    whole = answer_of(facts + 1, 1, 0);
    whole.status = ANSWER_OK;
    collection_take(&collection, &whole);
    free(whole.body);
    whole = answer_line(ANSWER_LATE,
                        "a line that is longer than what comes last, and means nothing");
    CHECK(!collection_take(&collection, &whole));
    free(whole.body);
    clear();
}

/* ---- the difference of two profiles ---- */

static void it_subtracts(void **state)
{
    static const uint64_t frames[] = {1, 2, 3, 4};
    struct site_view before[] = {
        {.frames = frames, .depth = 2, .alloc_bytes = 10, .alloc_count = 1, .live_bytes = 10},
        {.frames = frames, .depth = 3, .alloc_bytes = 20, .alloc_count = 2, .live_bytes = 20},
        {.frames = frames, .depth = 3, .label = 5, .alloc_bytes = 30, .live_bytes = 30},
        {.depth = 0, .alloc_bytes = 40, .live_bytes = 40},
    };
    struct site_view after[] = {
        {.depth = 0, .alloc_bytes = 44, .live_bytes = 41},
        {.frames = frames, .depth = 2, .alloc_bytes = 10, .alloc_count = 1, .live_bytes = 10},
        {.frames = frames, .depth = 3, .alloc_bytes = 25, .alloc_count = 3, .live_bytes = 15},
        {.frames = frames, .depth = 3, .label = 5, .alloc_bytes = 30, .live_bytes = 30},
        {.frames = frames,
         .depth = 4,
         .alloc_bytes = 7,
         .alloc_count = 1,
         .live_bytes = 7,
         .peak_bytes = 9},
    };
    struct profile_view first = {.sites = before, .site_count = 4, .started_ms = 1};
    struct profile_view last = {.sites = after, .site_count = 5, .started_ms = 1};
    (void)state;
    difference_take(&last, &first);
    CHECK_EQ(last.site_count, 3);
    CHECK_EQ(last.sites[0].alloc_bytes, 4);
    CHECK_EQ(last.sites[0].live_bytes, 1);
    CHECK_EQ(last.sites[1].alloc_bytes, 5);
    CHECK_EQ(last.sites[1].alloc_count, 1);
    CHECK_EQ((int64_t)last.sites[1].live_bytes, -5);
    CHECK_EQ(last.sites[2].alloc_bytes, 7);
    CHECK_EQ(last.sites[2].peak_bytes, 0);
    /* profiling was begun afresh: all is new */
    last.started_ms = 2;
    difference_take(&last, &first);
    CHECK_EQ(last.site_count, 3);
    CHECK_EQ(last.sites[0].alloc_bytes, 4);
    first.site_count = 0;
    last.site_count = 0;
    difference_take(&last, &first);
    CHECK_EQ(last.site_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_joins_metrics),    cmocka_unit_test(it_bears_any_text),
        cmocka_unit_test(it_chooses),          cmocka_unit_test(it_remembers),
        cmocka_unit_test(it_bears_any_answer), cmocka_unit_test(it_subtracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
