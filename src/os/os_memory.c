/* SPDX-License-Identifier: MIT */
/*
 * Linux: how much memory the process may have, has, and how short the system is of it: control
 * groups (version 2, and 1 where that is what there is), /proc/self/statm, and pressure stall
 * information. Reads files, which it opens and closes; allocates nothing, keeps nothing. Called by
 * the front's limit, rarely.
 */
#include "os/os.h"

#include <string.h>

#define PATH_BYTES 512

/* The number at `text`, UINT64_MAX for "max" or no number. By hand: see os_thread.c. */
static uint64_t number_at(const char *text)
{
    uint64_t value = 0;
    if (*text < '0' || *text > '9')
        return UINT64_MAX;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return UINT64_MAX;
    return value;
}

static uint64_t read_number(const char *path)
{
    char text[64];
    return os_read_file(path, text, sizeof(text)) > 0 ? number_at(text) : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The least of `files` in the group at `root``group` and those above it. */
static uint64_t least_upward(const char *root, char *group, const char *const files[2])
{
    uint64_t limit = UINT64_MAX;
    char path[2 * PATH_BYTES];
    for (;;) {
        for (unsigned i = 0; i < 2; i++) {
            text_format(path, sizeof(path), "%s%s/%s", root, group, files[i]);
            limit = least(limit, read_number(path));
        }
        char *slash = strrchr(group, '/');
        if (!slash)
            return limit;
        *slash = '\0';
    }
}

/* The group's path in /proc/self/cgroup, on the line that has `key`. False when there is none. */
static bool find_group(const char *text, const char *key, char *group)
{
    const char *line = strstr(text, key);
    if (!line)
        return false;
    line += strlen(key);
    size_t length = strcspn(line, "\n");
    if (length >= PATH_BYTES)
        return false;
    memcpy(group, line, length);
    group[length] = '\0';
    return true;
}

uint64_t os_memory_limit(void)
{
    static const char *const unified[2] = {"memory.max", "memory.high"};
    static const char *const old[2] = {"memory.limit_in_bytes", "memory.soft_limit_in_bytes"};
    char text[4096];
    char group[PATH_BYTES];
    uint64_t limit = UINT64_MAX;
    if (os_read_file("/proc/self/cgroup", text, sizeof(text)) <= 0)
        return limit;
    if (find_group(text, ":memory:", group))
        limit = least_upward("/sys/fs/cgroup/memory", group, old);
    else if (find_group(text, "0::", group))
        limit = least_upward("/sys/fs/cgroup", group, unified);
    /* version 1 says 'no limit' by a number near the largest */
    return limit < (uint64_t)1 << 60 ? limit : UINT64_MAX;
}

size_t os_resident_bytes(void)
{
    char text[128];
    if (os_read_file("/proc/self/statm", text, sizeof(text)) <= 0)
        return 0;
    const char *second = strchr(text, ' ');
    return second ? (size_t)number_at(second + 1) * os_page_size() : 0;
}

bool os_memory_is_short(void)
{
    char text[256];
    if (os_read_file("/proc/pressure/memory", text, sizeof(text)) <= 0)
        return false;
    /* "some avg10=0.00 ...": the part of the last 10 s in which some task waited for memory */
    const char *average = strstr(text, "avg10=");
    return average && number_at(average + 6) >= 1 && number_at(average + 6) <= 100;
}
