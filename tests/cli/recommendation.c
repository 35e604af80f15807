/* SPDX-License-Identifier: MIT */
/*
 * Tests of compare_decision.c, compare_advice.c and statistics.c of cli/compare on made-up
 * measurements: what is decided and said about figures whose answer is known, that no sentence
 * contradicts another whatever the figures are, and how often the answer is right where the runs
 * are noisy. Prints the last as a table.
 */
#include <math.h>

#include "parts.h"

#include "compare/compare.h"

#define ROWS_MOST 8
#define RUNS 6

/* ---- Figures ---- */

struct made_up {
    struct comparison comparison;
    struct contender rows[ROWS_MOST];
    struct advice advice;
    struct decision decision;
};

static struct interval parse_interval(const char *text)
{
    char *end;
    struct interval interval = {.count = RUNS, .mean = strtod(text, &end)};
    if (*end == '~')
        interval.half = strtod(end + 1, NULL);
    return interval;
}

/* "NAME:WALL:CPU:PEAK NAME:...": each figure MEAN or MEAN~HALF. The program as it is is "glibc". */
static void make_up(struct made_up *made, const char *figures)
{
    static char library[] = "x.so";
    char text[512];
    char *rest = text;
    memset(made, 0, sizeof *made);
    snprintf(text, sizeof text, "%s", figures);
    made->comparison.precision = 0.03;
    made->comparison.contenders = made->rows;
    for (char *words; (words = strtok_r(NULL, " ", &rest));) {
        struct contender *row = &made->rows[made->comparison.count++];
        char *at = words;
        snprintf(row->allocator.name, sizeof row->allocator.name, "%s", strtok_r(NULL, ":", &at));
        row->allocator.path = strcmp(row->allocator.name, "glibc") == 0 ? NULL : library;
        row->runs = RUNS;
        for (enum metric metric = 0; metric < CRITERIA; metric++)
            row->intervals[metric] = parse_interval(strtok_r(NULL, ":", &at));
    }
    compare_decide(&made->comparison, &made->decision);
    compare_advise(&made->comparison, &made->advice);
}

static bool has_line(const struct advice *advice, const char *line)
{
    for (size_t i = 0; i < advice->count; i++)
        if (strcmp(advice->lines[i], line) == 0)
            return true;
    return false;
}

static void expect_line(const char *figures, const char *line)
{
    static struct made_up made;
    make_up(&made, figures);
    if (has_line(&made.advice, line))
        return;
    for (size_t i = 0; i < made.advice.count; i++)
        print_message("%s\n", made.advice.lines[i]);
    fail_msg("%s: expected '%s'", figures, line);
}

/* ---- Statistics ---- */

static void student_is_that_of_the_tables(void **unused)
{
    (void)unused;
    static const struct {
        size_t degrees;
        double t;
    } table[] = {{1, 12.7062}, {2, 4.3027},  {5, 2.5706},  {9, 2.2622},
                 {10, 2.2281}, {15, 2.1314}, {30, 2.0423}, {120, 1.9799}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_true(fabs(student_t95(table[i].degrees) - table[i].t) < 0.0006);
}

static void means_have_their_intervals(void **unused)
{
    (void)unused;
    const double values[] = {1, 2, 3, 4, NAN, 5};
    struct interval interval = interval_of(values, 6);
    CHECK_EQ(interval.count, 5);
    assert_true(fabs(interval.mean - 3) < 1e-9 && fabs(interval.half - 1.963243) < 1e-6);
    interval = interval_of(values, 1);
    assert_true(interval.count == 1 && interval.mean == 1 && isinf(interval.half));
}

/* ---- What is said ---- */

static void each_metric_has_a_ranking(void **unused)
{
    (void)unused;
    expect_line("glibc:10~.1:10:100 hakmem:12~.1:12:120",
                "Wall time: glibc needs least; then hakmem (20 % more).");
    expect_line("glibc:10:10:100 hakmem:12:12:250",
                "Peak memory: glibc needs least; then hakmem (2.5 times as much).");
    expect_line("glibc:10:10:100 hakmem:10:8:100",
                "CPU time: hakmem needs least, 20 % less than glibc; then glibc (25 % more).");
    /* a ranking, and not the order of the table */
    expect_line("glibc:10:1:100 a:12:1:100 b:9:1:100 c:10:1:100 d:8:1:100",
                "Wall time: d needs least, 20 % less than glibc; then b (12 % more), glibc (25 % "
                "more), c (25 % more) and a (50 % more).");
    /* the intervals touch; and 0.5 % is no difference */
    expect_line("glibc:10~.1:1:1 hakmem:10.1~.1:1:1", "Wall time: no difference beyond noise.");
    expect_line("glibc:10:1:1000 hakmem:10:1:1005", "Peak memory: no difference beyond noise.");
    expect_line("glibc:10~.6:1:1 hakmem:11~.6:1:1",
                "Wall time: not known: the noise, 11 %, is larger than any difference.");
    /* the lowest is not known well, another is, and beats the baseline */
    expect_line("glibc:10~.3:1:1 a:8~3:1:1 b:9~.3:1:1",
                "Wall time: a and b need least, without a difference beyond noise; b, 10 % less "
                "than glibc; then glibc (11 % more than b). The noise, up to 33 %, hides smaller "
                "differences.");
}

static void the_better_one_is_recommended(void **unused)
{
    (void)unused;
    expect_line("glibc:10:10:100 hakmem:8:10:100",
                "Recommendation: hakmem: 20 % less wall time, no difference in CPU time and peak "
                "memory, compared with glibc.");
    expect_line("glibc:10:10:100 hakmem:9:9:100 other:8:8:90",
                "Recommendation: other: 20 % less wall time, 20 % less CPU time, 10 % less peak "
                "memory, compared with glibc.");
    /* CPU time alone is a gain too: a lead that is named is never 'nothing' */
    expect_line("glibc:10:10:100 hakmem:10:8:100",
                "Recommendation: hakmem: 20 % less CPU time, no difference in wall time and peak "
                "memory, compared with glibc.");
    /* a tie in time is broken by memory */
    expect_line("glibc:10:10:100 a:7.9~.1:8:150 b:8~.1:8:100",
                "Recommendation: b: 20 % less wall time, 20 % less CPU time, no difference in "
                "peak memory, compared with glibc.");
    /* without the program as it is, the first is what others are compared with */
    expect_line("b:10:10:100 a:8:8:100",
                "Recommendation: a: 20 % less wall time, 20 % less CPU time, no difference in peak "
                "memory, compared with b.");
}

static void what_it_costs_is_said(void **unused)
{
    (void)unused;
    expect_line("glibc:10:10:100 hakmem:8:8:130",
                "Recommendation: hakmem where wall time and CPU time matter more than peak memory, "
                "else glibc: 20 % less wall time, 20 % less CPU time, 30 % more peak memory, "
                "compared with glibc.");
    expect_line("glibc:10:10:100 hakmem:11:11:80",
                "Recommendation: hakmem where peak memory matters more than wall time and CPU "
                "time, else glibc: 20 % less peak memory, 10 % more wall time, 10 % more CPU time, "
                "compared with glibc.");
    /* faster by other processors' time */
    expect_line("glibc:10:10:100 hakmem:8:19:100",
                "Recommendation: hakmem where wall time matters more than CPU time, else glibc: "
                "20 % less wall time, 90 % more CPU time, no difference in peak memory, compared "
                "with glibc.");
    expect_line("glibc:10:10:100 a:8:8:150 b:10:10:60",
                "Recommendation: a where wall time and CPU time matter (20 % less wall time, 20 % "
                "less CPU time, 50 % more peak memory), b where peak memory matters (40 % less "
                "peak memory, no difference in wall time and CPU time), compared with glibc.");
}

static void who_is_best_stays(void **unused)
{
    (void)unused;
    static const char stay[] = "Recommendation: stay with glibc: nothing needs less wall time, CPU "
                               "time or peak memory beyond noise.";
    expect_line("glibc:10~.1:10:100 hakmem:12~.1:12:120", stay);
    expect_line("glibc:10~.1:10:100 hakmem:10~.1:10:100", stay);
    /* wall time is noisy, but more CPU time and memory say enough */
    expect_line("glibc:10~.7:10~.1:100 hakmem:10~.7:12~.1:120", stay);
}

static void what_is_not_known_is_not_decided(void **unused)
{
    (void)unused;
    expect_line("glibc:10~5:10~5:100 hakmem:9~4:9~4:108",
                "No recommendation: nothing is known to be better than glibc. The noise in wall "
                "time (90 %) and CPU time (90 %) is larger than the differences: run more "
                "(--runs 486), or on a quieter machine. What is known: glibc needs 7.4 % less peak "
                "memory than hakmem.");
    expect_line("glibc:10~5:10:100 hakmem:6~3.9:10:100",
                "No recommendation: nothing is known to be better than glibc. The noise in wall "
                "time (89 %) is larger than the differences: run more (--runs 30), or on a quieter "
                "machine.");
    expect_line("glibc:10~9:10:100 hakmem:10~9:10:100",
                "No recommendation: nothing is known to be better than glibc. The noise in wall "
                "time (180 %) is larger than the differences: a quieter machine may show more.");
    /* the noise is larger than what CPU time and memory say */
    expect_line("glibc:10~3:10~.1:100 hakmem:10~3:12~.1:120 other:10~3:20~.1:150",
                "No recommendation: nothing is known to be better than glibc. The noise in wall "
                "time (60 %) is larger than the differences: run more (--runs 600), or on a "
                "quieter machine. What is known: glibc needs 17 to 50 % less CPU time than the "
                "others, 17 to 33 % less peak memory than the others.");
    /* less memory is known, time is not */
    expect_line("glibc:10~3:10:100 hakmem:10~3:10:90",
                "Recommendation: hakmem where peak memory matters more than wall time, else glibc: "
                "10 % less peak memory, no difference in CPU time, wall time not known, compared "
                "with glibc. More runs may tell more (--runs 600).");
    expect_line("glibc:10:10:100", "Nothing to compare: only one allocator has been measured.");
}

/* ---- Whatever the figures are ---- */

static uint64_t random_state;

static double random_share(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 11) / (double)(UINT64_C(1) << 53);
}

/* Sum of twelve: near enough to the normal distribution. */
static double random_normal(void)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += random_share();
    return sum;
}

static void make_random(struct made_up *made)
{
    char figures[512] = "";
    size_t rows = 2 + (size_t)(random_share() * (ROWS_MOST - 2));
    for (size_t i = 0; i < rows; i++) {
        size_t length = strlen(figures);
        char name[16];
        snprintf(name, sizeof name, "%c", (char)('a' + (int)i));
        snprintf(figures + length, sizeof figures - length, "%s", i ? name : "glibc");
        for (enum metric metric = 0; metric < CRITERIA; metric++) {
            /* noise of none, some, or much */
            double half = 5 * pow(random_share(), 4) * (random_share() < 0.7);
            length = strlen(figures);
            snprintf(figures + length, sizeof figures - length, ":%.2f~%.3f",
                     8 + 4 * random_share(), half);
        }
        strcat(figures, " ");
    }
    make_up(made, figures);
}

/* The metric's line names a lead over the baseline exactly when the recommendation has a pick for
 * it, and the table's mark says the same. */
static void check_metric(const struct made_up *made, enum metric metric)
{
    static const char *const nouns[] = {"Wall time: ", "CPU time: ", "Peak memory: "};
    const struct comparison *comparison = &made->comparison;
    const struct decision *decision = &made->decision;
    const char *line = made->advice.lines[metric];
    size_t picks = 0;
    bool is_led = strstr(line, " less than glibc;") != NULL;
    for (size_t i = 0; i < decision->pick_count; i++) {
        const struct pick *pick = &decision->picks[i];
        if (!pick->is_for[metric])
            continue;
        picks++;
        CHECK_EQ(compare_relation(comparison, pick->contender, decision->baseline, metric),
                 RELATION_LESS);
        CHECK(compare_is_best(comparison, pick->contender, metric));
    }
    CHECK(strncmp(line, nouns[metric], strlen(nouns[metric])) == 0);
    CHECK_EQ(picks, is_led);
    CHECK_EQ(picks == 0, compare_is_best(comparison, decision->baseline, metric));
    for (size_t i = 1; i < comparison->count; i++)
        if (compare_relation(comparison, &made->rows[i], decision->baseline, metric) ==
            RELATION_UNKNOWN)
            CHECK(decision->noise[metric] + 1e-9 >= fabs(made->rows[i].intervals[metric].mean -
                                                         made->rows[0].intervals[metric].mean) /
                                                        fmax(made->rows[i].intervals[metric].mean,
                                                             made->rows[0].intervals[metric].mean));
}

static void no_sentence_contradicts_another(void **unused)
{
    (void)unused;
    static struct made_up made;
    unsigned verdicts[VERDICT_CHANGE + 1] = {0};
    random_state = 1;
    for (int i = 0; i < 20000; i++) {
        make_random(&made);
        const char *last = made.advice.lines[CRITERIA];
        verdicts[made.decision.verdict]++;
        CHECK_EQ(made.advice.count, CRITERIA + 1);
        for (enum metric metric = 0; metric < CRITERIA; metric++)
            check_metric(&made, metric);
        CHECK_EQ(made.decision.pick_count > 0, made.decision.verdict == VERDICT_CHANGE);
        CHECK_EQ(strstr(last, "stay with") != NULL, made.decision.verdict == VERDICT_STAY);
        CHECK_EQ(strstr(last, "No recommendation") != NULL,
                 made.decision.verdict == VERDICT_UNKNOWN);
        CHECK(strlen(last) < ADVICE_LENGTH - 1);
    }
    CHECK(verdicts[VERDICT_UNKNOWN] > 100 && verdicts[VERDICT_STAY] > 100 &&
          verdicts[VERDICT_CHANGE] > 100);
}

/* ---- Noisy runs of a known truth ---- */

struct truth {
    const char *name;
    double ratio[CRITERIA]; /* hakmem / glibc */
    double noise;           /* of a run's times, as a share: the standard deviation */
    size_t runs;
    enum verdict right;
    unsigned least; /* verdicts of a thousand that must be so */
    enum verdict wrong;
    unsigned most; /* of those that may be wrong */
};

static void draw(struct made_up *made, const struct truth *truth)
{
    static double values[2][CRITERIA][1024];
    static char library[] = "x.so";
    memset(made, 0, sizeof *made);
    made->comparison = (struct comparison){.precision = 0.03, .contenders = made->rows, .count = 2};
    for (size_t row = 0; row < 2; row++) {
        struct contender *each = &made->rows[row];
        snprintf(each->allocator.name, sizeof each->allocator.name, "%s", row ? "hakmem" : "glibc");
        each->allocator.path = row ? library : NULL;
        each->runs = truth->runs;
        for (enum metric metric = 0; metric < CRITERIA; metric++) {
            double noise = metric == METRIC_PEAK ? 0.003 : truth->noise;
            double mean = row ? truth->ratio[metric] : 1;
            for (size_t i = 0; i < truth->runs; i++)
                values[row][metric][i] = mean * fmax(0.1, 1 + noise * random_normal());
            each->intervals[metric] = interval_of(values[row][metric], truth->runs);
        }
    }
    compare_decide(&made->comparison, &made->decision);
}

static void noisy_runs_give_the_right_answer(void **unused)
{
    (void)unused;
    static const struct truth truths[] = {
        {"20 % faster, quiet", {0.8, 0.8, 1}, 0.03, 8, VERDICT_CHANGE, 990, VERDICT_STAY, 0},
        {"20 % faster, noise of 10 %",
         {0.8, 0.8, 1},
         0.10,
         30,
         VERDICT_CHANGE,
         990,
         VERDICT_STAY,
         0},
        {"20 % faster, noise of 89 %",
         {0.8, 0.8, 1.08},
         0.89,
         8,
         VERDICT_UNKNOWN,
         950,
         VERDICT_STAY,
         10},
        {"the same, quiet", {1, 1, 1}, 0.01, 30, VERDICT_STAY, 950, VERDICT_CHANGE, 10},
        {"the same, noise of 10 %", {1, 1, 1}, 0.10, 8, VERDICT_UNKNOWN, 950, VERDICT_CHANGE, 20},
        {"the same, noise of 89 %", {1, 1, 1}, 0.89, 8, VERDICT_UNKNOWN, 950, VERDICT_CHANGE, 20},
        {"20 % slower, quiet", {1.2, 1.2, 1}, 0.03, 8, VERDICT_STAY, 990, VERDICT_CHANGE, 0},
        {"20 % slower, noise of 89 %",
         {1.2, 1.2, 1},
         0.89,
         8,
         VERDICT_UNKNOWN,
         950,
         VERDICT_CHANGE,
         20},
        {"half the memory, noise of 89 %",
         {1, 1, 0.5},
         0.89,
         8,
         VERDICT_CHANGE,
         1000,
         VERDICT_STAY,
         0},
    };
    static struct made_up made;
    random_state = 2;
    print_message("%-32s %5s %10s %8s %6s %8s\n", "truth, of 1000 comparisons", "runs", "change",
                  "not sure", "stay", "right");
    for (size_t i = 0; i < sizeof truths / sizeof truths[0]; i++) {
        unsigned verdicts[VERDICT_CHANGE + 1] = {0};
        for (int j = 0; j < 1000; j++) {
            draw(&made, &truths[i]);
            verdicts[made.decision.verdict]++;
        }
        print_message("%-32s %5zu %10u %8u %6u %8u\n", truths[i].name, truths[i].runs,
                      verdicts[VERDICT_CHANGE], verdicts[VERDICT_UNKNOWN], verdicts[VERDICT_STAY],
                      verdicts[truths[i].right]);
        assert_in_range(verdicts[truths[i].right], truths[i].least, 1000);
        assert_in_range(verdicts[truths[i].wrong], 0, truths[i].most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(student_is_that_of_the_tables),
        cmocka_unit_test(means_have_their_intervals),
        cmocka_unit_test(each_metric_has_a_ranking),
        cmocka_unit_test(the_better_one_is_recommended),
        cmocka_unit_test(what_it_costs_is_said),
        cmocka_unit_test(who_is_best_stays),
        cmocka_unit_test(what_is_not_known_is_not_decided),
        cmocka_unit_test(no_sentence_contradicts_another),
        cmocka_unit_test(noisy_runs_give_the_right_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
