/* SPDX-License-Identifier: MIT */
/*
 * Finds hakmem_root: by its symbol in the files that a target has mapped, or else by its magic in
 * their writable memory; and tells what belongs to the same program or library. The work is
 * bounded: a process may map any number of files of any size.
 */
#include "heap/find_root.h"

#include <inttypes.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

#include "diag/root.h"
#include "heap/core_file.h"
#include "heap/symbol.h"
#include "heap/target_read.h"

/* Bounds: bytes of files that are read to find the symbol, bytes of memory that are read to find
 * the magic, and files that are opened. A program of 1 GiB with its symbols needs less of each. */
#define SYMBOL_BYTES_MAX ((uint64_t)256 << 20)
#define SCAN_BYTES_MAX ((uint64_t)256 << 20)
#define FILES_MAX 32
/* Program headers of the library that are looked at. */
#define HEADERS_MAX 64

/* Is there a root at this address? */
static bool is_root(struct target *target, uint64_t address)
{
    struct root_head head;
    const struct mapping *mapping = target_mapping(target, address);
    /* of a file, and private: other processes can change shared memory */
    if (!target->is_core &&
        (!mapping || mapping->path[0] != '/' || mapping->is_shared || mapping->inode == 0))
        return false;
    return target_read(target, address, &head, sizeof head) &&
           memcmp(head.magic, ROOT_MAGIC, sizeof head.magic) == 0 &&
           (uintptr_t)head.self == address;
}

/* ---- by the symbol ---- */

/* The address at which offset `offset` of the file `path` is mapped. */
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

/* A name of a mapping's file, the most likely one first. False if there are no more. */
static bool name_file(const struct target *target, const struct mapping *mapping, unsigned number,
                      char name[PATH_MAX + 64])
{
    if (target->is_core)
        snprintf(name, PATH_MAX + 64, "%s", mapping->path);
    else if (number == 0) /* the mapped file itself, whatever its name; only root may open it */
        snprintf(name, PATH_MAX + 64, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)target->pid,
                 mapping->start, mapping->end);
    else /* by its name, as the process sees files: its root directory may be another */
        snprintf(name, PATH_MAX + 64, "/proc/%d/root%s", (int)target->pid, mapping->path);
    return number < (target->is_core ? 1 : 2);
}

/* The offset of a symbol in the file of a mapping. */
static bool find_symbol(const struct target *target, const struct mapping *mapping,
                        const char *symbol, uint64_t *allowance, uint64_t *offset)
{
    char name[PATH_MAX + 64];
    for (unsigned i = 0; name_file(target, mapping, i, name); i++)
        if (symbol_find(name, symbol, allowance, offset))
            return true;
    return false;
}

const struct mapping *target_file_at(const struct target *target, uint64_t address)
{
    const struct mapping *mapping = target_mapping(target, address);
    if (mapping && mapping > target->mappings && mapping->path[0] != '/' &&
        mapping[-1].end == mapping->start && mapping[-1].is_writable)
        mapping--;
    return mapping && mapping->path[0] == '/' ? mapping : NULL;
}

bool target_symbol_at(const struct target *target, uint64_t address, struct symbol *symbol)
{
    char name[PATH_MAX + 64];
    uint64_t allowance = SYMBOL_BYTES_MAX;
    const struct mapping *mapping = target_file_at(target, address);
    if (!mapping)
        return false;
    uint64_t offset = mapping->file_offset + (address - mapping->start);
    for (unsigned i = 0; name_file(target, mapping, i, name); i++)
        if (symbol_at(name, offset, &allowance, symbol))
            return true;
    return false;
}

uint64_t target_find_function(const struct target *target, const struct mapping *mapping,
                              const char *name)
{
    uint64_t allowance = SYMBOL_BYTES_MAX;
    uint64_t offset;
    return mapping->path[0] == '/' && find_symbol(target, mapping, name, &allowance, &offset)
               ? address_of(target, mapping->path, offset)
               : 0;
}

static uint64_t find_in_file(struct target *target, const struct mapping *mapping,
                             uint64_t *allowance)
{
    uint64_t offset;
    if (!find_symbol(target, mapping, "hakmem_root", allowance, &offset))
        return 0;
    uint64_t address = address_of(target, mapping->path, offset);
    return address && is_root(target, address) ? address : 0;
}

static bool is_library(const struct mapping *mapping)
{
    const char *base = strrchr(mapping->path, '/');
    return base && strncmp(base, "/libhakmem", 10) == 0;
}

/* Look in the program's own file, and in files with the library's name. */
static uint64_t find_in_files(struct target *target)
{
    uint64_t allowance = SYMBOL_BYTES_MAX;
    const char *last = "";
    uint64_t found = 0;
    unsigned files = 0;
    for (size_t i = 0; !found && i < target->mapping_count && files < FILES_MAX; i++) {
        const struct mapping *mapping = &target->mappings[i];
        const char *base = strrchr(mapping->path, '/');
        bool is_likely = base && (last[0] == '\0' || is_library(mapping));
        if (is_likely && strcmp(mapping->path, last) != 0) {
            found = find_in_file(target, mapping, &allowance);
            files++;
        }
        if (base)
            last = mapping->path;
    }
    return found;
}

/* ---- by the magic ---- */

#define SCAN_STEP ((size_t)1 << 20)

/* Find the magic in one range: files may be stripped, deleted or missing. */
static uint64_t scan_range(struct target *target, uint64_t start, uint64_t end, uint64_t *allowance)
{
    static char buffer[SCAN_STEP + sizeof(struct root_head)];
    /* a range may end at the last address: a further step would wrap around to 0 */
    for (uint64_t at = start, step; at < end; at += step) {
        size_t size = end - at < sizeof buffer ? end - at : sizeof buffer;
        step = end - at < SCAN_STEP ? end - at : SCAN_STEP;
        uint64_t data;
        uint64_t data_end;
        if (target->is_core && !core_next(target, at, end, &data, &data_end))
            return 0;
        if (target->is_core && data > at) { /* a hole of the file */
            step = data - at;
            continue;
        }
        if (*allowance < size)
            return 0;
        *allowance -= size;
        size = target_read_part(target, at, buffer, size);
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

static uint64_t scan_core(struct target *target)
{
    uint64_t allowance =
        UINT64_MAX; /* segments are not larger than the file, and holes are left out */
    uint64_t found = 0;
    for (size_t i = 0; !found && i < target->segment_count; i++) {
        const struct segment *segment = &target->segments[i];
        if (segment->is_writable && segment->file_size > 0 &&
            is_file_memory(target, segment->start, segment->start + segment->size))
            found = scan_range(target, segment->start, segment->start + segment->file_size,
                               &allowance);
    }
    return found;
}

static uint64_t scan_process(struct target *target)
{
    uint64_t allowance = SCAN_BYTES_MAX;
    uint64_t found = 0;
    for (size_t i = 0; !found && i < target->mapping_count; i++) {
        const struct mapping *mapping = &target->mappings[i];
        if (mapping->is_writable && !mapping->is_shared && mapping->path[0] == '/')
            found = scan_range(target, mapping->start, mapping->end, &allowance);
    }
    return found;
}

uint64_t target_find_root(struct target *target)
{
    uint64_t found = find_in_files(target);
    if (found)
        return found;
    return target->is_core ? scan_core(target) : scan_process(target);
}

uint64_t target_find_original(struct target *target, uint64_t root)
{
    static char copy[sizeof(struct root)];
    static char original[sizeof(struct root)];
    uint64_t allowance = SYMBOL_BYTES_MAX;
    unsigned files = 0;
    if (!target_read(target, root, copy, sizeof copy))
        return root;
    for (size_t i = 0; i < target->mapping_count && files < FILES_MAX; i++) {
        const struct mapping *mapping = &target->mappings[i];
        uint64_t offset;
        if (!is_library(mapping) ||
            (i > 0 && strcmp(mapping->path, target->mappings[i - 1].path) == 0))
            continue;
        files++;
        if (!find_symbol(target, mapping, "hakmem_root", &allowance, &offset))
            continue;
        uint64_t address = address_of(target, mapping->path, offset);
        if (address && target_read(target, address, original, sizeof original) &&
            memcmp(original, copy, sizeof copy) == 0)
            return address;
    }
    return root;
}

/* ---- memory of the root's program or library ---- */

/* Memory without a file: zeroed data that follows a file's mapping. It may have a name already (the
 * end of the program's data may be one mapping with the heap of brk). */
static bool is_nameless(const struct mapping *mapping)
{
    return mapping->path[0] == '\0' || strcmp(mapping->path, "[heap]") == 0 ||
           strncmp(mapping->path, "[anon:", 6) == 0;
}

bool target_is_of_root(const struct target *target, uint64_t root, uint64_t address, size_t size,
                       bool is_writable)
{
    const struct mapping *of_root = target_mapping(target, root);
    uint64_t reached = address; /* all memory below this belongs to the root */
    bool is_next_own = false;
    if (target->is_core)
        return true;
    if (!of_root || size > TARGET_ADDRESS_END || address > TARGET_ADDRESS_END)
        return false;
    for (size_t i = 0; i < target->mapping_count; i++) {
        const struct mapping *mapping = &target->mappings[i];
        bool is_of_file = mapping->inode == of_root->inode && mapping->device == of_root->device;
        bool follows = is_next_own && mapping->start == target->mappings[i - 1].end &&
                       is_nameless(mapping);
        is_next_own = is_of_file || follows;
        if (mapping->start > reached)
            return false;
        if (mapping->end <= reached)
            continue;
        if (!is_next_own || mapping->is_shared || (is_writable && !mapping->is_writable))
            return false;
        reached = mapping->end;
        if (reached >= address + size)
            return true;
    }
    return false;
}

bool target_library_data(struct target *target, uint64_t root, uint64_t *start, uint64_t *end)
{
    ElfW(Ehdr) header;
    const struct mapping *at = target_mapping(target, root);
    if (!at || !is_library(at))
        return false;
    while (at > target->mappings && strcmp(at[-1].path, at->path) == 0)
        at--;
    if (at->file_offset != 0 || !target_read(target, at->start, &header, sizeof header))
        return false;
    *start = *end = 0;
    for (unsigned i = 0; i < header.e_phnum && i < HEADERS_MAX; i++) {
        ElfW(Phdr) part;
        if (!target_read(target, at->start + header.e_phoff + i * sizeof part, &part, sizeof part))
            return false;
        if (part.p_type == PT_LOAD && part.p_flags & PF_W && part.p_memsz < SCAN_BYTES_MAX) {
            *start = *start ? *start : at->start + part.p_vaddr;
            *end = at->start + part.p_vaddr + part.p_memsz;
        }
    }
    return *start < *end;
}
