/* SPDX-License-Identifier: MIT */
/*
 * Reads the loader's list of loaded files from a running process: the auxiliary vector leads to the
 * program headers, these lead to the dynamic section, and DT_DEBUG there leads to the list. The
 * process may change at any moment: each read may fail, and the list is read to FILES_MOST entries
 * only.
 */
#include "compare/link_map.h"

#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define HEADERS_MOST 128
#define DYNAMIC_MOST 512
#define FILES_MOST 4096
#define PAGE ((size_t)4096)

static bool read_memory(pid_t pid, const void *address, void *into, size_t size)
{
    struct iovec here = {into, size};
    struct iovec there = {(void *)address, size};
    return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

/* Read a string page by page: the next page may not exist. */
static bool read_text(pid_t pid, const char *address, char text[PATH_MAX])
{
    for (size_t length = 0; length < PATH_MAX - 1;) {
        size_t part = PAGE - ((uintptr_t)(address + length) & (PAGE - 1));
        if (part > PATH_MAX - 1 - length)
            part = PATH_MAX - 1 - length;
        if (!read_memory(pid, address + length, text + length, part))
            return false;
        if (memchr(text + length, '\0', part))
            return true;
        length += part;
    }
    return false;
}

/* Find the program headers, and their number. */
static bool find_headers(pid_t pid, const ElfW(Phdr) * *headers, size_t *count)
{
    char path[32];
    ElfW(auxv_t) vector[64];
    snprintf(path, sizeof path, "/proc/%d/auxv", (int)pid);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, vector, sizeof vector);
    if (file >= 0)
        close(file);
    *headers = NULL;
    *count = 0;
    for (size_t i = 0; length > 0 && i < (size_t)length / sizeof vector[0]; i++) {
        if (vector[i].a_type == AT_PHDR)
            *headers = (const ElfW(Phdr) *)vector[i].a_un.a_val;
        if (vector[i].a_type == AT_PHNUM)
            *count = vector[i].a_un.a_val;
    }
    return *headers && *count > 0 && *count <= HEADERS_MOST;
}

/* Find the dynamic section; LOADED if the program has a loader. */
static enum link_state find_dynamic(pid_t pid, const ElfW(Dyn) * *dynamic)
{
    ElfW(Phdr) headers[HEADERS_MOST];
    const ElfW(Phdr) * at;
    size_t count;
    ElfW(Addr) bias = 0;
    ElfW(Addr) section = 0;
    bool has_loader = false;
    if (!find_headers(pid, &at, &count) || !read_memory(pid, at, headers, count * sizeof *at))
        return LINK_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        if (headers[i].p_type == PT_PHDR)
            bias = (ElfW(Addr))at - headers[i].p_vaddr;
        if (headers[i].p_type == PT_DYNAMIC)
            section = headers[i].p_vaddr;
        has_loader = has_loader || headers[i].p_type == PT_INTERP;
    }
    *dynamic = (const ElfW(Dyn) *)(bias + section);
    return has_loader && section ? LINK_LOADED : LINK_STATIC;
}

/* Find the loader's own record. False if it has not written one yet. */
static bool find_debug(pid_t pid, const ElfW(Dyn) * dynamic, struct r_debug *debug)
{
    ElfW(Dyn) entry = {.d_tag = DT_NULL};
    for (size_t i = 0; i < DYNAMIC_MOST; i++)
        if (!read_memory(pid, dynamic + i, &entry, sizeof entry) || entry.d_tag == DT_NULL ||
            entry.d_tag == DT_DEBUG)
            break;
    return entry.d_tag == DT_DEBUG && entry.d_un.d_ptr &&
           read_memory(pid, (const void *)entry.d_un.d_ptr, debug, sizeof *debug);
}

enum link_state link_map_walk(pid_t pid, link_visit *visit, void *state)
{
    const ElfW(Dyn) * dynamic;
    struct r_debug debug;
    struct link_map map;
    char name[PATH_MAX];
    enum link_state kind = find_dynamic(pid, &dynamic);
    if (kind != LINK_LOADED)
        return kind;
    if (!find_debug(pid, dynamic, &debug) || debug.r_state != RT_CONSISTENT)
        return LINK_UNKNOWN;
    const struct link_map *at = debug.r_map;
    for (size_t i = 0; at && i < FILES_MOST; i++, at = map.l_next) {
        if (!read_memory(pid, at, &map, sizeof map) || !read_text(pid, map.l_name, name))
            return LINK_UNKNOWN;
        /* the first entry is the executable; the vDSO has a name without a directory */
        if (i > 0 && strchr(name, '/') && !visit(state, name))
            break;
    }
    return debug.r_map ? LINK_LOADED : LINK_UNKNOWN;
}
