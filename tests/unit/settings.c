/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/settings.c: the defaults, each setting at and beyond its bounds, each kind's way of
 * writing values, what is reported, and the reading of the kernel's copy of the environment.
 */
#include "unit/unit.h"

#include "os/os.h"

enum kind { FLAG, NUMBER, BYTES, MILLIS, PREFAULT, PAGES, CHOICE, WHEN, TEXT };

struct row {
    const char *name;
    enum kind kind;
    int64_t initial;
    int64_t min;
    int64_t max;
    const void *field;
};

static const struct row rows[] = {
#define X(field, name, kind, initial, min, max, help)                                              \
    {name, kind, (int64_t)(initial), (int64_t)(min), (int64_t)(max), &settings.field},
    HAK_SETTINGS(X)
#undef X
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct settings defaults;
static struct unit_capture capture;

/* Read an environment of these entries on top of the defaults. What it writes is in capture. */
static void read_environment(const char *first, const char *second)
{
    char *entries[] = {(char *)(uintptr_t) "PATH=/bin", (char *)(uintptr_t)first,
                       (char *)(uintptr_t)second, NULL};
    char **saved = environ;
    settings = defaults;
    unit_capture_begin(&capture);
    environ = entries;
    settings_read(environ);
    environ = saved;
    unit_capture_end(&capture);
}

static int64_t value_of(const struct row *row)
{
    return *(const int64_t *)row->field;
}

/* The entry is taken silently and gives this value. */
static void check_taken(const struct row *row, const char *text, int64_t value)
{
    char entry[128];
    snprintf(entry, sizeof(entry), "HAKMEM_%s=%s", row->name, text);
    read_environment(entry, NULL);
    if (value_of(row) != value || capture.text[0])
        fprintf(stderr, "%s gave %ld and: %s\n", entry, (long)value_of(row), capture.text);
    CHECK(value_of(row) == value);
    CHECK_EQ(capture.text[0], '\0');
}

/* The entry is reported by name, and nothing changes. */
static void check_refused(const struct row *row, const char *text)
{
    char entry[128];
    char expected[160];
    snprintf(entry, sizeof(entry), "HAKMEM_%s=%s", row->name, text);
    snprintf(expected, sizeof(expected), "hakmem: [%d] %s: expected ", (int)getpid(), entry);
    read_environment(entry, NULL);
    if (strncmp(capture.text, expected, strlen(expected)) != 0)
        fprintf(stderr, "%s gave %ld and: %s\n", entry, (long)value_of(row), capture.text);
    CHECK(strncmp(capture.text, expected, strlen(expected)) == 0);
    CHECK_EQ(strcspn(capture.text, "\n"), strlen(capture.text) - 1);
    CHECK(memcmp(&settings, &defaults, sizeof(settings)) == 0);
}

static void test_defaults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == TEXT)
            CHECK_EQ(*(const char *)rows[i].field, '\0');
        else
            CHECK(value_of(&rows[i]) == rows[i].initial);
    }
    read_environment(NULL, NULL);
    CHECK_EQ(capture.text[0], '\0');
    CHECK(memcmp(&settings, &defaults, sizeof(settings)) == 0);
}

static void check_bounds(const struct row *row)
{
    char text[32];
    bool has_auto = row->kind == PREFAULT || row->kind == CHOICE;
    int64_t max = has_auto ? row->max - 1 : row->max;
    /* bytes below 0 are percent, and written as these */
    int64_t min = row->kind == BYTES && row->min < 0 ? 0 : row->min;
    snprintf(text, sizeof(text), "%ld", (long)min);
    check_taken(row, text, min);
    snprintf(text, sizeof(text), "%ld", (long)max);
    check_taken(row, text, max);
    snprintf(text, sizeof(text), "%ld", (long)min - 1);
    check_refused(row, text);
    snprintf(text, sizeof(text), "%ld", (long)max + 1);
    check_refused(row, text);
}

static void check_nonsense(const struct row *row)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "x",
                                        "-",
                                        "1x",
                                        " 1",
                                        "1 ",
                                        "+1",
                                        "0x1",
                                        "1.0",
                                        "--1",
                                        "1-",
                                        "99999999999999999999",
                                        "1T",
                                        "1KB",
                                        "auto "};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        check_refused(row, texts[i]);
}

static void test_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind == TEXT)
            continue;
        check_bounds(&rows[i]);
        check_nonsense(&rows[i]);
        if (rows[i].kind != BYTES)
            check_refused(&rows[i], "1K");
    }
}

static void test_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        if (rows[i].kind != BYTES)
            continue;
        check_taken(&rows[i], "3K", 3 * (int64_t)KIB);
        check_taken(&rows[i], "3k", 3 * (int64_t)KIB);
        check_taken(&rows[i], "5M", 5 * (int64_t)MIB);
        check_taken(&rows[i], "1g", (int64_t)GIB);
        check_refused(&rows[i], "9000000000G");
        check_refused(&rows[i], "K");
    }
}

/* A part of the control group's limit: negative, where the range allows that. */
static void test_percent(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        bool has_percent = rows[i].kind == BYTES && rows[i].min < 0;
        if (has_percent) {
            check_taken(&rows[i], "90%", -90);
            check_taken(&rows[i], "100%", -100);
            check_refused(&rows[i], "0%");
            check_refused(&rows[i], "101%");
            check_refused(&rows[i], "90%%");
        } else if (rows[i].kind != TEXT) {
            check_refused(&rows[i], "90%");
        }
    }
}

static void test_prefault(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].kind == PREFAULT) {
            check_taken(&rows[i], "auto", PREFAULT_AUTO);
            check_refused(&rows[i], "AUTO");
            check_refused(&rows[i], "3");
        }
}

static void test_choice(void **state)
{
    (void)state;
    CHECK_EQ(settings.background, CHOICE_AUTO);
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].kind == CHOICE) {
            check_taken(&rows[i], "auto", CHOICE_AUTO);
            check_refused(&rows[i], "Auto");
            check_refused(&rows[i], "2");
            check_refused(&rows[i], "yes");
        }
}

static void test_pages(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].kind == PAGES) {
            check_taken(&rows[i], "off", HUGE_PAGES_OFF);
            check_taken(&rows[i], "auto", HUGE_PAGES_AUTO);
            check_taken(&rows[i], "always", HUGE_PAGES_ALWAYS);
            check_refused(&rows[i], "Always");
            check_refused(&rows[i], "on");
        }
}

static void test_when(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].kind == WHEN) {
            check_taken(&rows[i], "exit", WHEN_EXIT);
            check_taken(&rows[i], "interval", WHEN_INTERVAL);
            check_refused(&rows[i], "Exit");
            check_refused(&rows[i], "exit ");
        }
}

static void check_text_setting(const struct row *row)
{
    char entry[SETTING_TEXT_MAX + 64];
    int length = snprintf(entry, sizeof(entry), "HAKMEM_%s=", row->name);
    memset(entry + length, 'p', SETTING_TEXT_MAX);
    entry[length + SETTING_TEXT_MAX - 1] = '\0';
    read_environment(entry, NULL);
    CHECK(strcmp(row->field, entry + length) == 0);
    CHECK_EQ(capture.text[0], '\0');
    entry[length + SETTING_TEXT_MAX - 1] = 'p';
    entry[length + SETTING_TEXT_MAX] = '\0';
    read_environment(entry, NULL);
    CHECK_EQ(*(const char *)row->field, '\0');
    CHECK(strstr(capture.text, "expected at most 255 characters") != NULL);
}

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].kind == TEXT)
            check_text_setting(&rows[i]);
}

static void test_names(void **state)
{
    (void)state;
    read_environment("HAKMEM_DECAY_M=1", "HAKMEM_DECAY_MSX=1");
    CHECK(strstr(capture.text, "HAKMEM_DECAY_M=1: no such setting") != NULL);
    CHECK(strstr(capture.text, "HAKMEM_DECAY_MSX=1: no such setting") != NULL);
    CHECK(memcmp(&settings, &defaults, sizeof(settings)) == 0);
    /* others' names, and what is no setting at all */
    read_environment("DECAY_MS=1", "HAKMEM_DECAY_MS");
    CHECK_EQ(capture.text[0], '\0');
    CHECK(memcmp(&settings, &defaults, sizeof(settings)) == 0);
    /* one bad entry does not hide a good one */
    read_environment("HAKMEM_DECAY_MS=x", "HAKMEM_WRAP_DIAG=1");
    CHECK_EQ(settings.decay_ms, 1000);
    CHECK_EQ(settings.wrap_diag, 1);
}

/* The second life of this program: `environ` is not set yet, as in an IFUNC resolver. */
#define READ_KERNEL_ENVIRONMENT "read-kernel-environment"

static int read_kernel_environment(void)
{
    environ = NULL;
    settings_read(environ);
    return settings.decay_ms == 5 && settings.wrap_diag == 1 ? 0 : 1;
}

static void become_second_life(void)
{
    char *const entries[] = {(char *)(uintptr_t) "A=b", (char *)(uintptr_t) "HAKMEM_DECAY_MS=5",
                             (char *)(uintptr_t) "EMPTY=", (char *)(uintptr_t) "HAKMEM_WRAP_DIAG=1",
                             NULL};
    execle("/proc/self/exe", "settings", READ_KERNEL_ENVIRONMENT, (char *)NULL, entries);
    _exit(2);
}

static void test_kernel_environment(void **state)
{
    (void)state;
    CHECK_CHILD(become_second_life);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_prefault),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_kernel_environment),
    };
    if (argc == 2 && strcmp(argv[1], READ_KERNEL_ENVIRONMENT) == 0)
        return read_kernel_environment();
    defaults = settings;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
