/* SPDX-License-Identifier: MIT */
/*
 * A process as a target. Its directory in /proc and its memory are opened once, and used for all
 * that is read and written. /proc/PID/mem stays with the address space that the process had then.
 * So if the process executes another program, reads fail, and nothing is ever written into that
 * program. Such a read does not wait either for a page fault that the process serves itself
 * (userfaultfd). By ptrace's rules the kernel decides which user may open it; a refusal is reported
 * in one line.
 */
#include "heap/process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/memory.h"

/* ---- files of /proc ---- */

/* Open a file of the process's directory as a stream. */
static FILE *open_stream(const struct target *target, const char *name)
{
    int file = openat(target->directory, name, O_RDONLY | O_CLOEXEC);
    FILE *stream = file >= 0 ? fdopen(file, "r") : NULL;
    if (file >= 0 && !stream)
        close(file);
    return stream;
}

static void read_name_and_state(struct target *target)
{
    char text[512];
    FILE *stream = open_stream(target, "stat");
    if (!stream)
        return;
    /* PID (NAME) STATE ...; the name may contain any character, also a newline */
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    fclose(stream);
    char *name = strchr(text, '(');
    char *end = strrchr(text, ')');
    if (!name || !end || end <= name || end[1] != ' ')
        return;
    *end = '\0';
    target->state = end[2];
    target_set_program(target, name + 1);
}

bool process_names_library(const struct target *target)
{
    char text[32 << 10];
    FILE *stream = open_stream(target, "environ");
    if (!stream)
        return false;
    size_t length = fread(text, 1, sizeof text - 1, stream);
    fclose(stream);
    text[length] = '\0';
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        if (strncmp(text + at, "LD_PRELOAD=", 11) == 0 && strstr(text + at, "libhakmem"))
            return true;
    return false;
}

void target_thread_name(const struct target *target, uint32_t thread_id, char name[16])
{
    char path[64];
    name[0] = '\0';
    snprintf(path, sizeof path, "task/%" PRIu32 "/comm", thread_id);
    FILE *stream = target->is_core ? NULL : open_stream(target, path);
    if (!stream)
        return;
    size_t length = fread(name, 1, 15, stream);
    fclose(stream);
    name[length] = '\0';
    if (length > 0 && name[length - 1] == '\n')
        name[length - 1] = '\0';
    target_make_printable(name);
}

size_t target_thread_count(const struct target *target)
{
    struct stat status;
    /* the link count has one for each thread, "." and ".." */
    if (target->is_core || fstatat(target->directory, "task", &status, 0) != 0 ||
        status.st_nlink < 2)
        return 0;
    return status.st_nlink - 2;
}

bool target_rss(const struct target *target, uint64_t *bytes)
{
    uint64_t pages = 0;
    FILE *stream = open_stream(target, "statm");
    if (!stream)
        return false;
    bool is_read = fscanf(stream, "%*u %" SCNu64, &pages) == 1;
    fclose(stream);
    *bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    return is_read && pages > 0;
}

bool process_explain(struct target *target, int error)
{
    struct stat status;
    uint64_t rss;
    int pid = (int)target->pid;
    if (target->directory >= 0 && target->program[0] &&
        fstatat(target->directory, "stat", &status, 0) != 0)
        return target_fail(target, "process %d (%s) has ended", pid, target->program);
    if (target->directory < 0 || fstatat(target->directory, "stat", &status, 0) != 0)
        return target_fail(target, "there is no process %d", pid);
    read_name_and_state(target);
    /* a process that ends loses its memory before it counts as ended */
    if (error == ESRCH && target_rss(target, &rss))
        return target_fail(target, "process %d (%s) is not the program that it was", pid,
                           target->program);
    if (error == ESRCH)
        return target_fail(target, "process %d (%s) has ended", pid, target->program);
    target->is_refused = error == EPERM || error == EACCES;
    if (target->is_refused && geteuid() == 0)
        return target_fail(target,
                           "process %d (%s) may not be read: that takes CAP_SYS_PTRACE, and a "
                           "number below 3 in /proc/sys/kernel/yama/ptrace_scope",
                           pid, target->program);
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

/* The file "syscall" of a thread has "running", or numbers: the last but one is the stack
 * pointer. */
static bool read_stack_pointer(int directory, const char *thread, uint64_t *pointer)
{
    char path[64];
    char text[256];
    snprintf(path, sizeof path, "%.20s/syscall", thread);
    int file = openat(directory, path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file >= 0 ? read(file, text, sizeof text - 1) : -1;
    if (file >= 0)
        close(file);
    if (length <= 0)
        return false;
    text[length] = '\0';
    char *last = strrchr(text, ' ');
    if (!last)
        return false;
    *last = '\0';
    char *before = strrchr(text, ' ');
    return before && sscanf(before, " %" SCNx64, pointer) == 1;
}

uint64_t *target_stack_pointers(const struct target *target, size_t *count)
{
    uint64_t *pointers = NULL;
    uint64_t pointer;
    int directory = target->is_core ? -1 : openat(target->directory, "task", O_RDONLY | O_CLOEXEC);
    DIR *listing = directory >= 0 ? fdopendir(directory) : NULL;
    *count = 0;
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        if (!read_stack_pointer(directory, entry->d_name, &pointer))
            continue;
        if ((*count & (*count - 1)) == 0)
            pointers = memory_resize(pointers, *count ? 2 * *count : 1, sizeof *pointers);
        pointers[(*count)++] = pointer;
    }
    if (listing)
        closedir(listing);
    return pointers;
}

/* ---- mappings ---- */

/* Parse a header of smaps ("start-end perms offset dev inode path"); false if it is none. */
static bool parse_header(char *line, struct mapping *mapping)
{
    char writable;
    char executable;
    char shared;
    unsigned major;
    unsigned minor;
    int path = 0;
    *mapping = (struct mapping){0};
    if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*c%c%c%c %" SCNx64 " %x:%x %" SCNu64 " %n",
               &mapping->start, &mapping->end, &writable, &executable, &shared,
               &mapping->file_offset, &major, &minor, &mapping->inode, &path) != 9 ||
        path == 0)
        return false;
    mapping->is_writable = writable == 'w';
    mapping->is_executable = executable == 'x';
    mapping->is_shared = shared != 'p';
    mapping->device = (uint64_t)major << 32 | minor;
    mapping->path = line + path;
    return true;
}

/* Read whole lines, however long a path is: the rest of a long line could look like a header. */
static void read_mappings(struct target *target, FILE *stream)
{
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stream) > 0) {
        struct mapping mapping;
        uint64_t kib;
        line[strcspn(line, "\n")] = '\0';
        if (isupper((unsigned char)line[0])) {
            if (target->mapping_count && sscanf(line, "Rss: %" SCNu64, &kib) == 1)
                target->mappings[target->mapping_count - 1].rss = kib * 1024;
        } else if (parse_header(line, &mapping)) {
            /* a mapping that grows while the file is read is listed again, as a whole */
            target_drop_mappings_from(target, mapping.start);
            target_add_mapping(target, &mapping);
        }
    }
    free(line);
}

uint64_t target_rss_slack(const struct target *target)
{
    struct utsname system;
    unsigned major = 0;
    unsigned minor = 0;
    /* three counters; a processor holds back as many pages of each, or a thread 64 */
    uint64_t processors = (uint64_t)sysconf(_SC_NPROCESSORS_CONF);
    uint64_t per_processor = processors < 32 ? 64 : 2 * processors;
    uint64_t threads = target_thread_count(target);
    if (uname(&system) == 0 && sscanf(system.release, "%u.%u", &major, &minor) == 2 &&
        (major > 6 || (major == 6 && minor >= 16)))
        return 0;
    return 3 * per_processor * (threads > processors ? threads : processors) *
           (uint64_t)sysconf(_SC_PAGESIZE);
}

bool target_refresh(struct target *target)
{
    target_rss(target, &target->rss);
    FILE *stream = open_stream(target, "smaps");
    int error = stream ? 0 : errno;
    read_name_and_state(target);
    if (stream) {
        target_drop_mappings(target);
        errno = 0;
        read_mappings(target, stream);
        error = errno;
        fclose(stream);
    }
    if (error == 0 && target->mapping_count > 0)
        return true;
    if (target->state == 'Z')
        return target_fail(target, "process %d (%s) has ended", (int)target->pid, target->program);
    /* newer kernels say ESRCH for processes of the kernel */
    if (error && error != ESRCH)
        return process_explain(target, error);
    struct stat status;
    if (fstatat(target->directory, "stat", &status, 0) != 0)
        return process_explain(target, ESRCH);
    return target_fail(target, "process %d (%s) has no memory of its own (is it a kernel thread?)",
                       (int)target->pid, target->program);
}

/* ---- opening ---- */

/* Close a target that could not be opened; its error stays. Always false. */
static bool close_failed(struct target *target)
{
    struct target failed = {
        .directory = -1, .memory = -1, .file = -1, .is_refused = target->is_refused};
    memcpy(failed.error, target->error, sizeof failed.error);
    target_close(target);
    *target = failed;
    return false;
}

static bool open_process(struct target *target, pid_t pid, int access)
{
    char path[64];
    *target = (struct target){.pid = pid, .directory = -1, .memory = -1, .file = -1, .state = '?'};
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    target->directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (target->directory < 0) {
        process_explain(target, errno);
        return close_failed(target);
    }
    /* the memory first: then the other files are those of the same program, or of a later one,
     * whose addresses cannot be read through it */
    target->memory = openat(target->directory, "mem", access | O_CLOEXEC);
    int error = errno;
    if (!target_refresh(target))
        return close_failed(target);
    target->file = openat(target->directory, "pagemap", O_RDONLY | O_CLOEXEC);
    if (target->memory >= 0 && target->file >= 0)
        return true;
    process_explain(target, target->memory < 0 ? error : errno);
    return close_failed(target);
}

bool target_open_process(struct target *target, pid_t pid)
{
    return open_process(target, pid, O_RDONLY);
}

bool target_open_to_write(struct target *target, pid_t pid)
{
    return open_process(target, pid, O_RDWR);
}

/* ---- memory ---- */

size_t process_read(struct target *target, uint64_t address, void *into, size_t size)
{
    size_t done = 0;
    if (address >= TARGET_ADDRESS_END)
        return 0;
    while (done < size) {
        ssize_t got = pread(target->memory, (char *)into + done, size - done,
                            (off_t)(address + done));
        if (got < 0 && errno == EINTR)
            continue;
        /* the end of the file means the end of the address space, not a hole in it */
        target->is_gone = target->is_gone || got == 0;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    return done;
}

bool target_write(struct target *target, uint64_t address, const void *from, size_t size)
{
    ssize_t put = address < TARGET_ADDRESS_END && !target->is_core
                      ? pwrite(target->memory, from, size, (off_t)address)
                      : -1;
    if (put == (ssize_t)size)
        return true;
    target->is_gone = target->is_gone || put == 0;
    return process_explain(target, put < 0 ? errno : ESRCH);
}
