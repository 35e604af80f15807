/* SPDX-License-Identifier: MIT */
/*
 * Finds the programs and libraries of a target by its mappings, and reads their build-ids from its
 * memory. What the memory says is not believed: every size has a bound.
 */
#include "sites/modules.h"

#include <elf.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/memory.h"
#include "heap/target_read.h"

#define HEADERS_MAX 64
#define NOTES_MAX ((size_t)64 << 10)
#define DELETED " (deleted)"

/* ---- build-ids ---- */

/* The id in a segment of notes. */
static void find_id(struct module *module, const char *notes, size_t size)
{
    ElfW(Nhdr) note;
    for (size_t at = 0; at + sizeof note <= size;) {
        memcpy(&note, notes + at, sizeof note);
        size_t name = at + sizeof note;
        if (note.n_namesz > size - name)
            return;
        size_t content = name + (note.n_namesz + (size_t)3) / 4 * 4;
        if (content > size || note.n_descsz > size - content)
            return;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
            memcmp(notes + name, "GNU", 4) == 0 && note.n_descsz <= BUILD_ID_MAX) {
            memcpy(module->build_id, notes + content, note.n_descsz);
            module->build_id_size = note.n_descsz;
            return;
        }
        at = content + (note.n_descsz + (size_t)3) / 4 * 4;
    }
}

/* Notes lie in the first mapping of a file, at their offset in the file. */
static void read_build_id(struct module *module, struct target *target)
{
    static char notes[NOTES_MAX];
    ElfW(Ehdr) header;
    ElfW(Phdr) parts[HEADERS_MAX];
    if (module->file_offset != 0 || !target_read(target, module->start, &header, sizeof header) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof parts[0] ||
        header.e_phnum > HEADERS_MAX || header.e_phoff > TARGET_PAGE ||
        !target_read(target, module->start + header.e_phoff, parts,
                     header.e_phnum * sizeof parts[0]))
        return;
    for (size_t i = 0; i < header.e_phnum && module->build_id_size == 0; i++) {
        const ElfW(Phdr) *part = &parts[i];
        if (part->p_type == PT_NOTE && part->p_filesz <= NOTES_MAX &&
            part->p_offset <= module->end - module->start &&
            target_read(target, module->start + part->p_offset, notes, part->p_filesz))
            find_id(module, notes, part->p_filesz);
    }
}

/* ---- the list ---- */

static bool has_code(const struct target *target, size_t first, size_t last)
{
    for (size_t i = first; i <= last; i++)
        if (target->mappings[i].is_executable || target->is_core)
            return true;
    return false;
}

/* Segments of a file have the same distances in memory as in the file, except for their
 * alignment. */
#define ALIGNMENT_MAX ((uint64_t)256 << 20)

/* Is the mapping of the same copy of the file as the first one? A program may map its own file once
 * more, far away. */
static bool is_of_copy(const struct mapping *first, const struct mapping *mapping)
{
    uint64_t memory = mapping->start - first->start;
    uint64_t file = mapping->file_offset - first->file_offset;
    return strcmp(mapping->path, first->path) == 0 && mapping->file_offset > first->file_offset &&
           (memory > file ? memory - file : file - memory) <= ALIGNMENT_MAX;
}

/* The last mapping of the same file, from `first` on; zeroed data may lie between two. */
static size_t last_of_file(const struct target *target, size_t first)
{
    size_t last = first;
    for (size_t i = first + 1; i < target->mapping_count; i++) {
        const struct mapping *mapping = &target->mappings[i];
        if (mapping->path[0] == '/' && !is_of_copy(&target->mappings[first], mapping))
            break;
        if (mapping->path[0] == '/')
            last = i;
    }
    return last;
}

static void add_module(struct modules *modules, struct target *target, size_t first, size_t last)
{
    const struct mapping *mapping = &target->mappings[first];
    modules->list = memory_resize(modules->list, modules->count + 1, sizeof *modules->list);
    struct module *module = &modules->list[modules->count++];
    size_t length = strlen(mapping->path);
    char *path = memory_resize(NULL, length + 1, 1);
    memcpy(path, mapping->path, length + 1);
    *module = (struct module){.start = mapping->start,
                              .end = target->mappings[last].end,
                              .first_end = mapping->end,
                              .file_offset = mapping->file_offset};
    if (length > strlen(DELETED) && strcmp(path + length - strlen(DELETED), DELETED) == 0) {
        path[length - strlen(DELETED)] = '\0';
        module->is_deleted = true;
    }
    text_make_printable(path);
    module->path = path;
    module->name = strrchr(path, '/') + 1;
    read_build_id(module, target);
}

void modules_find(struct modules *modules, struct target *target)
{
    *modules = (struct modules){0};
    for (size_t i = 0; i < target->mapping_count; i++) {
        if (target->mappings[i].path[0] != '/')
            continue;
        size_t last = last_of_file(target, i);
        if (has_code(target, i, last))
            add_module(modules, target, i, last);
        i = last;
    }
}

void modules_free(struct modules *modules)
{
    for (size_t i = 0; i < modules->count; i++)
        free((char *)modules->list[i].path);
    free(modules->list);
    *modules = (struct modules){0};
}

const struct module *modules_at(const struct modules *modules, uint64_t address)
{
    size_t low = 0;
    size_t high = modules->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (modules->list[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < modules->count && modules->list[low].start <= address ? &modules->list[low] : NULL;
}
