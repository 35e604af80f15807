/* SPDX-License-Identifier: MIT */
/*
 * Linux: how much memory the process may have, and how much it has: control groups (version 2, or
 * version 1 on a system that has only that), /proc/self/statm, the limits on address space, and the
 * kernel's rule of overcommit. It opens, reads and closes files. It allocates nothing and keeps no
 * state. It is too slow to be called on every slow path. It also copies memory that may not be
 * mapped.
 */
#include "os/os.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_BYTES 512

/* The number at `text`; UINT64_MAX for "max" and for any other text. */
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

/* The number in a file; UINT64_MAX if the file has anything but one number and a newline. */
static uint64_t read_number(const char *path)
{
    char text[64];
    if (os_read_file(path, text, sizeof(text)) <= 0)
        return UINT64_MAX;
    char after = text[strspn(text, "0123456789")];
    return after == '\n' || after == '\0' ? number_at(text) : UINT64_MAX;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- control groups ---- */

/* Purpose: a hierarchy of groups: the controller by which /proc/self/cgroup names it, the places
 * where it may be mounted, and the files that hold a limit. The soft limit of version 1 is not
 * among them: it guarantees memory to a group and bounds nothing. */
struct hierarchy {
    const char *controller;
    const char *roots[2];
    const char *files[2];
};
static const struct hierarchy version_1 = {
    "memory", {"/sys/fs/cgroup/memory", NULL}, {"memory.limit_in_bytes", NULL}};
static const struct hierarchy version_2 = {
    "", {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}, {"memory.max", "memory.high"}};

/* Is `name` in the list "a,b:"? The list of version 2 is empty. */
static bool is_in_list(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (;;) {
        size_t here = strcspn(list, ",:\n");
        if (here == length && memcmp(list, name, length) == 0)
            return true;
        if (list[here] != ',')
            return false;
        list += here + 1;
    }
}

/* The path on the line "number:list:path" whose list has the controller. The path of the root group
 * is "". */
static bool find_group(const char *text, const char *controller, char group[PATH_BYTES])
{
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *list = line + strcspn(line, ":\n");
        const char *path = *list == ':' ? list + 1 + strcspn(list + 1, ":\n") : list;
        size_t length = strcspn(path, "\n");
        if (*path != ':' || length > PATH_BYTES || !is_in_list(list + 1, controller))
            continue;
        length--;
        memcpy(group, path + 1, length);
        group[length == 1 ? 0 : length] = '\0';
        return true;
    }
    return false;
}

/* The process's group in a hierarchy. False when it is in none. */
static bool get_group(const struct hierarchy *hierarchy, char group[PATH_BYTES])
{
    char text[4096];
    return os_read_file("/proc/self/cgroup", text, sizeof(text)) > 0 &&
           find_group(text, hierarchy->controller, group);
}

static uint64_t group_limit(const struct hierarchy *hierarchy, const char *group)
{
    uint64_t limit = UINT64_MAX;
    char path[2 * PATH_BYTES];
    for (unsigned root = 0; root < 2 && hierarchy->roots[root]; root++)
        for (unsigned file = 0; file < 2 && hierarchy->files[file]; file++) {
            text_format(path, sizeof(path), "%s%s/%s", hierarchy->roots[root], group,
                        hierarchy->files[file]);
            limit = least(limit, read_number(path));
        }
    return limit;
}

uint64_t os_memory_limit(void)
{
    char group[PATH_BYTES];
    const struct hierarchy *hierarchy = &version_1;
    if (!get_group(hierarchy, group)) {
        hierarchy = &version_2;
        if (!get_group(hierarchy, group))
            return UINT64_MAX;
    }
    uint64_t limit = group_limit(hierarchy, group);
    for (char *slash; (slash = strrchr(group, '/')) != NULL;) {
        *slash = '\0';
        limit = least(limit, group_limit(hierarchy, group));
    }
    /* version 1 reports 'no limit' as a number near the largest */
    return limit < (uint64_t)1 << 60 ? limit : UINT64_MAX;
}

size_t os_resident_bytes(void)
{
    char text[128];
    /* the thread's file: the process's file is empty once its main thread has ended */
    if (os_read_file("/proc/thread-self/statm", text, sizeof(text)) <= 0)
        return 0;
    const char *second = strchr(text, ' ');
    return second ? (size_t)number_at(second + 1) * os_page_size() : 0;
}

size_t os_peak_bytes(void)
{
    static const char name[] = "\nVmHWM:";
    char text[2048];
    if (os_read_file("/proc/thread-self/status", text, sizeof(text)) <= 0)
        return 0;
    const char *row = strstr(text, name);
    if (!row)
        return 0;
    row += sizeof(name) - 1;
    uint64_t kib = number_at(row + strspn(row, " \t"));
    return kib == UINT64_MAX ? 0 : (size_t)kib * KIB;
}

/* ---- address space ---- */

static bool is_limited(int resource)
{
    struct rlimit limit;
    return getrlimit(resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
}

bool os_address_space_is_limited(void)
{
    if (os_is_made_to_fail(OS_CALL_LIMIT))
        return false;
    if (!os_call_begin())
        return true;
    bool is_either = is_limited(RLIMIT_AS) || is_limited(RLIMIT_DATA);
    os_call_end();
    return is_either;
}

bool os_commit_is_strict(void)
{
    char text[4];
    return os_read_file("/proc/sys/vm/overcommit_memory", text, sizeof(text)) > 0 && text[0] == '2';
}

/* ---- memory that may not be mapped ---- */

static bool copy(uint32_t *process, void *to, const void *from, size_t size)
{
    struct iovec here = {to, size};
    struct iovec there = {(void *)(uintptr_t)from, size};
    if (*process == 0)
        *process = (uint32_t)getpid();
    return syscall(SYS_process_vm_readv, (pid_t)*process, &here, 1UL, &there, 1UL, 0UL) ==
           (long)size;
}

bool os_copy(uint32_t *process, void *to, const void *from, size_t size)
{
    if (os_is_made_to_fail(OS_CALL_COPY) || !os_call_begin())
        return false;
    bool is_done = copy(process, to, from, size);
    os_call_end();
    return is_done;
}
