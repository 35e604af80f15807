/* SPDX-License-Identifier: MIT */
/*
 * A process as a target: its mappings from /proc/PID/smaps, its memory by process_vm_readv; and the
 * search for hakmem_root, in a core file too. Who may do that is ptrace's rule; each refusal is
 * told in one line. Called by the verbs.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cli.h"
#include "diag/root.h"
#include "target.h"

/* ---- errors and memory ---- */

bool target_fail(struct target *target, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(target->error, sizeof target->error, format, arguments);
    va_end(arguments);
    return false;
}

void *target_resize(void *block, size_t count, size_t size)
{
    void *resized = reallocarray(block, count ? count : 1, size);
    if (!resized)
        exit(cli_fail(EXIT_INTERNAL, "hakmem: out of memory"));
    return resized;
}

void target_make_printable(char *name)
{
    for (char *byte = name; *byte; byte++)
        if (!isprint((unsigned char)*byte) || *byte == '"' || *byte == '\\')
            *byte = '?';
}

void target_set_program(struct target *target, const char *name)
{
    snprintf(target->program, sizeof target->program, "%s", name);
    target_make_printable(target->program);
}

void target_add_mapping(struct target *target, const struct mapping *mapping)
{
    /* the array doubles: it is full at each power of two */
    size_t count = target->mapping_count;
    if ((count & (count - 1)) == 0)
        target->mappings = target_resize(target->mappings, count ? 2 * count : 1,
                                         sizeof target->mappings[0]);
    target->mappings[count] = *mapping;
    target->mappings[count].path = strdup(mapping->path);
    if (!target->mappings[count].path)
        exit(cli_fail(EXIT_INTERNAL, "hakmem: out of memory"));
    target->mapping_count++;
}

static void drop_mappings(struct target *target)
{
    for (size_t i = 0; i < target->mapping_count; i++)
        free(target->mappings[i].path);
    free(target->mappings);
    target->mappings = NULL;
    target->mapping_count = 0;
}

void target_close(struct target *target)
{
    drop_mappings(target);
    free(target->segments);
    if (target->file >= 0)
        close(target->file);
    *target = (struct target){.file = -1};
}

/* ---- a process: what /proc says ---- */

static void read_name_and_state(struct target *target)
{
    char path[64];
    char line[512] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", (int)target->pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    /* PID (NAME) STATE ...; the name may hold anything */
    char *name = fgets(line, sizeof line, file) ? strchr(line, '(') : NULL;
    char *end = name ? strrchr(line, ')') : NULL;
    fclose(file);
    if (!end || end <= name || end[1] != ' ')
        return;
    *end = '\0';
    target->state = end[2];
    target_set_program(target, name + 1);
}

void target_thread_name(const struct target *target, uint32_t thread_id, char name[16])
{
    char path[64];
    name[0] = '\0';
    snprintf(path, sizeof path, "/proc/%d/task/%" PRIu32 "/comm", (int)target->pid, thread_id);
    FILE *file = target->is_core ? NULL : fopen(path, "re");
    if (!file)
        return;
    if (!fgets(name, 16, file))
        name[0] = '\0';
    fclose(file);
    name[strcspn(name, "\n")] = '\0';
    target_make_printable(name);
}

static bool explain(struct target *target, int error)
{
    struct stat status;
    char path[64];
    int pid = (int)target->pid;
    snprintf(path, sizeof path, "/proc/%d", pid);
    if (stat(path, &status) != 0)
        return target_fail(target, "there is no process %d", pid);
    if (error == ESRCH)
        return target_fail(target, "process %d (%s) has ended", pid, target->program);
    target->is_refused = error == EPERM || error == EACCES;
    if (target->is_refused && status.st_uid != geteuid())
        return target_fail(target,
                           "process %d (%s) is another user's: only that user or root may read it",
                           pid, target->program);
    if (target->is_refused)
        return target_fail(target,
                           "process %d (%s) may not be read: see /proc/sys/kernel/yama/"
                           "ptrace_scope, or try as root",
                           pid, target->program);
    return target_fail(target, "process %d (%s) cannot be read: %s", pid, target->program,
                       strerror(error));
}

/* A header of smaps ("start-end perms offset dev inode   path"), or false. */
static bool parse_header(char *line, struct mapping *mapping)
{
    char writable;
    int path = 0;
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*c%c%*s %" SCNx64 " %*s %*s %n", &mapping->start,
               &mapping->end, &writable, &mapping->file_offset, &path) != 4 ||
        path == 0)
        return false;
    mapping->is_writable = writable == 'w';
    mapping->rss = 0;
    mapping->path = line + path;
    return true;
}

bool target_refresh(struct target *target)
{
    char name[64];
    char line[PATH_MAX + 128];
    snprintf(name, sizeof name, "/proc/%d/smaps", (int)target->pid);
    FILE *file = fopen(name, "re");
    read_name_and_state(target);
    if (!file)
        return explain(target, errno);
    drop_mappings(target);
    errno = 0;
    while (fgets(line, sizeof line, file)) {
        struct mapping mapping;
        uint64_t kib;
        line[strcspn(line, "\n")] = '\0';
        if (isupper((unsigned char)line[0])) {
            if (target->mapping_count && sscanf(line, "Rss: %" SCNu64, &kib) == 1)
                target->mappings[target->mapping_count - 1].rss = kib * 1024;
        } else if (parse_header(line, &mapping)) {
            target_add_mapping(target, &mapping);
        }
    }
    int error = errno;
    fclose(file);
    if (error)
        return explain(target, error);
    if (target->mapping_count == 0 && target->state == 'Z')
        return target_fail(target, "process %d (%s) has ended", (int)target->pid, target->program);
    if (target->mapping_count == 0)
        return target_fail(target, "process %d (%s) has no memory of its own (is it the kernel's?)",
                           (int)target->pid, target->program);
    return true;
}

/* Close a target that could not be opened, but for the reason; always false. */
static bool close_failed(struct target *target)
{
    struct target failed = {.file = -1, .is_refused = target->is_refused};
    memcpy(failed.error, target->error, sizeof failed.error);
    target_close(target);
    *target = failed;
    return false;
}

bool target_open_process(struct target *target, pid_t pid)
{
    char path[64];
    *target = (struct target){.pid = pid, .file = -1, .state = '?'};
    if (!target_refresh(target))
        return close_failed(target);
    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
    target->file = open(path, O_RDONLY | O_CLOEXEC);
    uint64_t word;
    struct iovec into = {&word, sizeof word};
    struct iovec from = {(void *)(uintptr_t)target->mappings[0].start, sizeof word};
    /* a mapping that cannot be read is EFAULT; whether we may at all is what is asked */
    if (process_vm_readv(pid, &into, 1, &from, 1, 0) < 0 && errno != EFAULT) {
        explain(target, errno);
        return close_failed(target);
    }
    return true;
}

bool target_open_core(struct target *target, const char *path)
{
    *target = (struct target){.file = -1};
    return core_open(target, path) || close_failed(target);
}

/* ---- memory ---- */

bool target_read(struct target *target, uint64_t address, void *into, size_t size)
{
    if (target->is_core)
        return core_read(target, address, into, size);
    struct iovec local = {into, size};
    struct iovec remote = {(void *)(uintptr_t)address, size};
    return process_vm_readv(target->pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

bool target_write(struct target *target, uint64_t address, const void *from, size_t size)
{
    struct iovec local = {(void *)(uintptr_t)from, size};
    struct iovec remote = {(void *)(uintptr_t)address, size};
    if (process_vm_writev(target->pid, &local, 1, &remote, 1, 0) == (ssize_t)size)
        return true;
    return explain(target, errno);
}

#define GATHER_MAX 512

/* Read up to GATHER_MAX pieces with one call; one by one where that falls short. */
static void gather_some(struct target *target, struct piece *pieces, size_t count)
{
    struct iovec local[GATHER_MAX];
    struct iovec remote[GATHER_MAX];
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        local[i] = (struct iovec){pieces[i].into, pieces[i].size};
        remote[i] = (struct iovec){(void *)(uintptr_t)pieces[i].address, pieces[i].size};
        total += pieces[i].size;
    }
    bool is_whole = !target->is_core &&
                    process_vm_readv(target->pid, local, count, remote, count, 0) == (ssize_t)total;
    for (size_t i = 0; i < count; i++)
        pieces[i].is_read = is_whole ||
                            target_read(target, pieces[i].address, pieces[i].into, pieces[i].size);
}

void target_gather(struct target *target, struct piece *pieces, size_t count)
{
    for (size_t at = 0; at < count; at += GATHER_MAX)
        gather_some(target, pieces + at, count - at < GATHER_MAX ? count - at : GATHER_MAX);
}

/* ---- the root ---- */

/* Is there a root at this address? */
static bool is_root(struct target *target, uint64_t address)
{
    struct root_head head;
    return target_read(target, address, &head, sizeof head) &&
           memcmp(head.magic, ROOT_MAGIC, sizeof head.magic) == 0 &&
           (uintptr_t)head.self == address;
}

/* Where offset `offset` of the file `path` is mapped. */
static uint64_t address_of(const struct target *target, const char *path, uint64_t offset)
{
    for (size_t i = 0; i < target->mapping_count; i++) {
        const struct mapping *mapping = &target->mappings[i];
        if (offset >= mapping->file_offset &&
            offset - mapping->file_offset < mapping->end - mapping->start &&
            strcmp(mapping->path, path) == 0)
            return mapping->start + (offset - mapping->file_offset);
    }
    return 0;
}

static uint64_t find_in_file(struct target *target, const char *path)
{
    char name[PATH_MAX + 64];
    uint64_t offset;
    /* as the process sees its files: it may have another root directory */
    snprintf(name, sizeof name, "/proc/%d/root%s", (int)target->pid, path);
    if (!symbol_find(target->is_core ? path : name, "hakmem_root", &offset))
        return 0;
    uint64_t address = address_of(target, path, offset);
    return address && is_root(target, address) ? address : 0;
}

#define SCAN_STEP ((size_t)1 << 20)

/* The magic in writable memory of one range: files may be stripped, deleted or not there. */
static uint64_t scan_range(struct target *target, uint64_t start, uint64_t end)
{
    static char buffer[SCAN_STEP + sizeof(struct root_head)];
    for (uint64_t at = start; at < end; at += SCAN_STEP) {
        size_t size = end - at < sizeof buffer ? end - at : sizeof buffer;
        if (!target_read(target, at, buffer, size))
            continue;
        char *found = buffer;
        while ((found = memmem(found, size - (size_t)(found - buffer), ROOT_MAGIC,
                               sizeof ROOT_MAGIC - 1))) {
            uint64_t address = at + (uint64_t)(found - buffer);
            if (is_root(target, address))
                return address;
            found++;
        }
    }
    return 0;
}

static bool is_file_memory(const struct target *target, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < target->mapping_count; i++)
        if (target->mappings[i].path[0] == '/' && target->mappings[i].start < end &&
            target->mappings[i].end > start)
            return true;
    return target->mapping_count == 0;
}

static uint64_t scan_all(struct target *target)
{
    uint64_t found = 0;
    for (size_t i = 0; !found && target->is_core && i < target->segment_count; i++) {
        const struct segment *segment = &target->segments[i];
        if (segment->is_writable && segment->file_size > 0 &&
            is_file_memory(target, segment->start, segment->start + segment->size))
            found = scan_range(target, segment->start, segment->start + segment->file_size);
    }
    for (size_t i = 0; !found && !target->is_core && i < target->mapping_count; i++)
        if (target->mappings[i].is_writable && target->mappings[i].path[0] == '/')
            found = scan_range(target, target->mappings[i].start, target->mappings[i].end);
    return found;
}

uint64_t target_find_root(struct target *target)
{
    const char *last = "";
    uint64_t found = 0;
    for (size_t i = 0; !found && i < target->mapping_count; i++) {
        const char *path = target->mappings[i].path;
        const char *base = strrchr(path, '/');
        bool is_likely = base && (last[0] == '\0' || strncmp(base, "/libhakmem", 10) == 0);
        if (is_likely && strcmp(path, last) != 0)
            found = find_in_file(target, path);
        if (base)
            last = path;
    }
    return found ? found : scan_all(target);
}
