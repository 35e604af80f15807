/* SPDX-License-Identifier: MIT */
/*
 * Settings: HAKMEM_* read once from the environment into one struct, by the table in
 * base/config.h. Works before libc has set `environ` (an IFUNC
 * resolver may be our first caller) by reading /proc/self/environ itself.
 */
#include "os/os.h"

#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define PREFIX "HAKMEM_"

#define SETTING_INITIAL_FLAG(initial) initial
#define SETTING_INITIAL_NUMBER(initial) initial
#define SETTING_INITIAL_BYTES(initial) (int64_t)(initial)
#define SETTING_INITIAL_MILLIS(initial) initial
#define SETTING_INITIAL_PREFAULT(initial) initial
#define SETTING_INITIAL_PAGES(initial) initial
#define SETTING_INITIAL_CHOICE(initial) initial
#define SETTING_INITIAL_WHEN(initial) initial
#define SETTING_INITIAL_TEXT(initial) ""

struct settings settings = {
#define X(field, name, kind, initial, min, max, help) .field = SETTING_INITIAL_##kind(initial),
    HAK_SETTINGS(X)
#undef X
};

/* Purpose: one row of the table; immutable. */
struct row {
    const char *name;
    enum setting_kind kind;
    int64_t min;
    int64_t max;
    void *field;
};

static const struct row rows[] = {
#define X(field, name, kind, initial, min, max, help)                                              \
    {name, KIND_##kind, (int64_t)(min), (int64_t)(max), &settings.field},
    HAK_SETTINGS(X)
#undef X
};

/* ---- what is said of a setting that is wrong ---- */

#define ENVIRONMENT_BYTES 32768

/* The entry LD_PRELOAD=... of our environment; NULL for none. */
static const char *preload;

/* Is this entry in an environment as the kernel has it? */
static bool has_entry(const char *environment, long length, const char *entry)
{
    for (long at = 0; at < length; at += (long)strlen(environment + at) + 1)
        if (strcmp(environment + at, entry) == 0)
            return true;
    return false;
}

bool settings_is_news(const char *entry)
{
    static char parent[ENVIRONMENT_BYTES];
    char path[32];
    /* under a filter nothing is written, and the parent's number may not be asked for */
    if (!preload || os_is_filtered())
        return true;
    text_format(path, sizeof(path), "/proc/%d/environ", (int)getppid());
    long length = os_read_file(path, parent, sizeof(parent));
    return !has_entry(parent, length, entry) || !has_entry(parent, length, preload);
}

/* ---- values from text ---- */

static bool parse_digits(const char **text, int64_t *out)
{
    bool negative = **text == '-';
    const char *at = *text + negative;
    int64_t value = 0;
    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return false;
    *out = negative ? -value : value;
    *text = at;
    return true;
}

/* A part of the control group's limit is negative where that is in the range. */
static bool parse_suffix(const struct row *row, const char **text, int64_t *value)
{
    if (row->min < 0 && **text == '%') {
        *text += 1;
        *value = -*value;
        return *value < 0;
    }
    static const char suffixes[] = "KkMmGg";
    const char *found = **text ? strchr(suffixes, **text) : NULL;
    if (!found)
        return true;
    *text += 1;
    return !__builtin_mul_overflow(*value, (int64_t)1 << (10 * ((found - suffixes) / 2 + 1)),
                                   value);
}

static bool parse_when(const char *text, int64_t *out)
{
    bool is_exit = strcmp(text, "exit") == 0;
    *out = is_exit ? WHEN_EXIT : WHEN_INTERVAL;
    return is_exit || strcmp(text, "interval") == 0;
}

static bool parse_pages(const char *text, int64_t *out)
{
    static const char *const words[] = {"off", "auto", "always"};
    _Static_assert(HUGE_PAGES_OFF == 0 && HUGE_PAGES_AUTO == 1 && HUGE_PAGES_ALWAYS == 2,
                   "in the words' order");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (strcmp(text, words[i]) == 0) {
            *out = (int64_t)i;
            return true;
        }
    return false;
}

/* A kind whose largest value is written as `auto`, and not as a number. */
static bool has_auto(const struct row *row)
{
    _Static_assert(PREFAULT_AUTO == PREFAULT_TOUCH + 1 && CHOICE_AUTO == CHOICE_YES + 1,
                   "auto is the last value of each");
    return row->kind == KIND_PREFAULT || row->kind == KIND_CHOICE;
}

static bool parse_value(const struct row *row, const char *text, int64_t *out)
{
    if (has_auto(row) && strcmp(text, "auto") == 0) {
        *out = row->max;
        return true;
    }
    if (row->kind == KIND_BYTES && row->min < 0 && strcmp(text, "none") == 0) {
        *out = 0;
        return true;
    }
    if (row->kind == KIND_WHEN && parse_when(text, out))
        return true;
    if (row->kind == KIND_PAGES && parse_pages(text, out))
        return true;
    if (!parse_digits(&text, out))
        return false;
    if (row->kind == KIND_BYTES && (*out < 0 || !parse_suffix(row, &text, out)))
        return false;
    int64_t max = has_auto(row) ? row->max - 1 : row->max;
    return *text == '\0' && *out >= row->min && *out <= max;
}

/* Purpose: a number of bytes as one would type it. */
struct bytes_text {
    char text[24];
};

/* 64M, 1024G */
static struct bytes_text bytes_text(int64_t value)
{
    static const char *const suffixes[] = {"", "K", "M", "G"};
    struct bytes_text bytes;
    unsigned step = 0;
    for (; step < 3 && value != 0 && value % 1024 == 0; step++)
        value /= 1024;
    text_format(bytes.text, sizeof(bytes.text), "%ld%s", (long)value, suffixes[step]);
    return bytes;
}

static void report_bad_value(const struct row *row, const char *text)
{
    if (row->kind == KIND_PREFAULT)
        log_line(PREFIX "%s=%s: expected 0, 1, 2 or auto; the default holds", row->name, text);
    else if (row->kind == KIND_CHOICE)
        log_line(PREFIX "%s=%s: expected auto, 0 or 1; the default holds", row->name, text);
    else if (row->kind == KIND_PAGES)
        log_line(PREFIX "%s=%s: expected off, auto or always; the default holds", row->name, text);
    else if (row->kind == KIND_WHEN)
        log_line(PREFIX "%s=%s: expected exit, interval or 0; the default holds", row->name, text);
    else if (row->kind == KIND_BYTES && row->min < 0)
        log_line(PREFIX
                 "%s=%s: expected bytes (K, M or G may follow), 0 to %s, 1%% to 100%%, none; "
                 "the default holds",
                 row->name, text, bytes_text(row->max).text);
    else if (row->kind == KIND_BYTES)
        log_line(PREFIX "%s=%s: expected bytes (K, M or G may follow), %s to %s; the default holds",
                 row->name, text, bytes_text(row->min).text, bytes_text(row->max).text);
    else
        log_line(PREFIX "%s=%s: expected a number from %ld to %ld; the default holds", row->name,
                 text, (long)row->min, (long)row->max);
}

/* `entry` is the setting as it stands in the environment, `text` its value. */
static void apply(const struct row *row, const char *entry, const char *text)
{
    if (row->kind == KIND_TEXT) {
        size_t length = strlen(text);
        if (length < SETTING_TEXT_MAX)
            memcpy(row->field, text, length + 1);
        else if (settings_is_news(entry))
            log_line(PREFIX "%s: expected at most %u characters; it is ignored", row->name,
                     SETTING_TEXT_MAX - 1u);
        return;
    }
    int64_t value;
    if (parse_value(row, text, &value))
        *(int64_t *)row->field = value;
    else if (settings_is_news(entry))
        report_bad_value(row, text);
}

/* What follows the prefix; NULL if it does not start so. Not strncmp: its page of libc may be one
 * that the program never needs. */
static const char *after(const char *prefix, const char *entry)
{
    while (*prefix && *entry == *prefix) {
        entry++;
        prefix++;
    }
    return *prefix ? NULL : entry;
}

bool settings_change(unsigned live, int64_t value)
{
    static int64_t *const fields[LIVE_COUNT] = {
#define X(field) &settings.field,
        HAK_LIVE_SETTINGS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (live >= LIVE_COUNT || rows[i].field != fields[live])
            continue;
        if (value < rows[i].min || value > rows[i].max)
            return false;
        /* relaxed: any thread may read it at any time, and takes the old value or the new one */
        __atomic_store_n(fields[live], value, __ATOMIC_RELAXED);
        return true;
    }
    return false;
}

/* One "NAME=VALUE" of the environment. */
static void read_entry(const char *entry)
{
    const char *name = after(PREFIX, entry);
    if (!name)
        return;
    const char *equals = strchr(name, '=');
    if (!equals)
        return;
    size_t length = (size_t)(equals - name);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strlen(rows[i].name) == length && memcmp(rows[i].name, name, length) == 0) {
            apply(&rows[i], entry, equals + 1);
            return;
        }
    if (settings_is_news(entry))
        log_line("%s: no such setting; 'hakmem settings' lists them", entry);
}

static void find_preload(const char *entry)
{
    if (after("LD_PRELOAD=", entry))
        preload = entry;
}

/* Call `read` with each entry of the environment as the kernel has it; what does not fit in the
 * buffer is not seen. */
static void read_kernel_environment(void (*read)(const char *entry))
{
    static char buffer[ENVIRONMENT_BYTES];
    long length = os_read_file("/proc/self/environ", buffer, sizeof(buffer));
    for (long at = 0; at < length; at += (long)strlen(buffer + at) + 1)
        read(buffer + at);
}

static void read_environment(char *const *environment, void (*read)(const char *entry))
{
    if (!environment) {
        read_kernel_environment(read);
        return;
    }
    for (char *const *entry = environment; *entry; entry++)
        read(*entry);
}

void settings_read(char *const *environment)
{
    if (getauxval(AT_SECURE))
        return;
    read_environment(environment, find_preload);
    read_environment(environment, read_entry);
}
