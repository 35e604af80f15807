/* SPDX-License-Identifier: MIT */
/*
 * The loader's list of what it has loaded, read from a running process: the auxiliary vector leads
 * to the program headers, these to the dynamic section, and DT_DEBUG there to the list. The process
 * may change at any moment: each read may fail, and no list is longer than FILES_MOST.
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

/* A string, page by page: what follows it may not be there. */
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

/* Where the program's headers are, and how many. */
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

/* The address of the dynamic section; LOADED when the program has a loader. */
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

/* The loader's own record. False before it has written one. */
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
        /* the first is the executable; the kernel's own has a name without a directory */
        if (i > 0 && strchr(name, '/') && !visit(state, name))
            break;
    }
    return debug.r_map ? LINK_LOADED : LINK_UNKNOWN;
}
