/* SPDX-License-Identifier: MIT */
/*
 * Settings: reads HAKMEM_* once from the environment into one struct, by the table in
 * base/config.h. An IFUNC resolver may call the allocator before libc has set `environ`: the
 * environment is then read from /proc/self/environ.
 */
#include "os/setting_rows.h"

#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

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

/* ---- errors in settings ---- */

#define ENVIRONMENT_BYTES 32768

/* The entry LD_PRELOAD=... of our environment; NULL when there is none. */
static const char *preload;

/* Is this entry in an environment in the kernel's form? */
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
    /* under a filter no message is written, and getppid may be forbidden */
    if (!preload || os_is_filtered())
        return true;
    text_format(path, sizeof(path), "/proc/%d/environ", (int)getppid());
    long length = os_read_file(path, parent, sizeof(parent));
    return !has_entry(parent, length, entry) || !has_entry(parent, length, preload);
}

/* ---- the environment ---- */

static void *field_of(const struct setting_row *row)
{
    return (char *)&settings + row->offset;
}

/* `entry` is the whole entry of the environment, `text` its value. */
static void apply(const struct setting_row *row, const char *entry, const char *text)
{
    int64_t value;
    if (row->kind == KIND_TEXT) {
        size_t length = strlen(text);
        if (length < SETTING_TEXT_MAX)
            memcpy(field_of(row), text, length + 1);
        else if (settings_is_news(entry))
            log_line(SETTING_PREFIX "%s: expected at most %u characters; it is ignored", row->name,
                     SETTING_TEXT_MAX - 1u);
    } else if (setting_parse(row, text, &value)) {
        *(int64_t *)field_of(row) = value;
    } else if (settings_is_news(entry)) {
        log_line(SETTING_PREFIX "%s=%s: expected %s; the default holds", row->name, text,
                 setting_expectation(row).bytes);
    }
}

/* The text after the prefix; NULL if `entry` does not start with it. strncmp is avoided: its page
 * of libc may be one that the program never needs. */
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
    const struct setting_row *row = setting_live_row(live);
    if (!row || value < row->min || value > row->max)
        return false;
    /* relaxed: any thread may read it at any time, and gets the old value or the new one */
    __atomic_store_n((int64_t *)field_of(row), value, __ATOMIC_RELAXED);
    return true;
}

/* One "NAME=VALUE" of the environment. */
static void read_entry(const char *entry)
{
    const char *name = after(SETTING_PREFIX, entry);
    if (!name)
        return;
    const char *equals = strchr(name, '=');
    if (!equals)
        return;
    size_t length = (size_t)(equals - name);
    for (size_t i = 0; i < SETTING_ROWS; i++)
        if (strlen(setting_rows[i].name) == length &&
            memcmp(setting_rows[i].name, name, length) == 0) {
            apply(&setting_rows[i], entry, equals + 1);
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

/* Call `read` with each entry of the environment in the kernel's form. Entries beyond the buffer
 * are not seen. */
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
