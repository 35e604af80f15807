/* SPDX-License-Identifier: MIT */
/*
 * Classifies the mappings that are not the heap's: by their names and files, and by the stack
 * pointers of threads.
 */
#include "heap/others.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "heap/process.h"
#include "heap/terms.h"

#define ROW(name, key, label) key,
const char *const others_keys[OTHERS_COUNT] = {OTHERS_KINDS(ROW)};
#undef ROW
#define ROW(name, key, label) label,
const char *const others_labels[OTHERS_COUNT] = {OTHERS_KINDS(ROW)};
#undef ROW

static bool begins(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Names that the kernel gives to memory which processes can share. */
static bool is_shared_memory(const struct mapping *mapping)
{
    return begins(mapping->path, "/dev/shm/") || begins(mapping->path, "/memfd:") ||
           begins(mapping->path, "/SYSV") || begins(mapping->path, "/dev/zero") ||
           (mapping->is_shared && mapping->path[0] != '/');
}

/* ---- files with code of the process ---- */

static int compare_files(const void *a, const void *b)
{
    const struct mapping *left = *(const struct mapping *const *)a;
    const struct mapping *right = *(const struct mapping *const *)b;
    if (left->device != right->device)
        return (left->device > right->device) - (left->device < right->device);
    return (left->inode > right->inode) - (left->inode < right->inode);
}

/* Purpose: at least one mapping of each of these files. Invariant: sorted by compare_files. */
struct programs {
    const struct mapping **mappings;
    size_t count;
};

static struct programs find_programs(const struct target *target)
{
    struct programs programs = {
        memory_resize(NULL, target->mapping_count, sizeof(struct mapping *)), 0};
    for (size_t i = 0; i < target->mapping_count; i++)
        if (target->mappings[i].is_executable && target->mappings[i].inode != 0)
            programs.mappings[programs.count++] = &target->mappings[i];
    if (programs.count > 0)
        qsort(programs.mappings, programs.count, sizeof programs.mappings[0], compare_files);
    return programs;
}

static bool is_program(const struct programs *programs, const struct mapping *mapping)
{
    return mapping->inode != 0 && programs->count > 0 &&
           bsearch(&mapping, programs->mappings, programs->count, sizeof programs->mappings[0],
                   compare_files);
}

/* ---- kinds ---- */

static bool is_nameless(const struct mapping *mapping)
{
    return mapping->inode == 0 && (mapping->path[0] == '\0' || begins(mapping->path, "[anon"));
}

static enum others_kind kind_of(const struct programs *programs, const struct mapping *mapping)
{
    if (begins(mapping->path, "[stack") || strstr(mapping->path, "pthread stack"))
        return OTHERS_STACKS;
    if (strcmp(mapping->path, "[heap]") == 0)
        return OTHERS_BRK;
    if (is_shared_memory(mapping))
        return OTHERS_SHARED;
    if (is_nameless(mapping))
        return OTHERS_ANONYMOUS;
    return mapping->path[0] == '[' || is_program(programs, mapping) ? OTHERS_CODE : OTHERS_FILES;
}

/* Mark the mappings into which the stack pointers of threads point. */
static void mark_stacks(const struct target *target, uint8_t *kinds)
{
    size_t count;
    uint64_t *pointers = target_stack_pointers(target, &count);
    for (size_t i = 0; i < count; i++) {
        const struct mapping *mapping = target_mapping(target, pointers[i]);
        if (mapping && kinds[mapping - target->mappings] == OTHERS_ANONYMOUS)
            kinds[mapping - target->mappings] = OTHERS_STACKS;
    }
    free(pointers);
}

/* Zeroed static data is memory without a file, directly after the file's writable data. */
static bool is_zeroed_data(const struct mapping *before, const struct mapping *mapping)
{
    return before->end == mapping->start && before->is_writable && !before->is_shared &&
           before->inode != 0 && mapping->is_writable;
}

static void find_kinds(const struct target *target, uint8_t *kinds)
{
    struct programs programs = find_programs(target);
    for (size_t i = 0; i < target->mapping_count; i++) {
        const struct mapping *mapping = &target->mappings[i];
        kinds[i] = (uint8_t)kind_of(&programs, mapping);
        if (i > 0 && kinds[i] == OTHERS_ANONYMOUS && kinds[i - 1] == OTHERS_CODE &&
            is_zeroed_data(mapping - 1, mapping))
            kinds[i] = OTHERS_CODE;
    }
    free((void *)programs.mappings);
    mark_stacks(target, kinds);
}

void others_count(const struct heap_view *view, uint64_t bytes[OTHERS_COUNT])
{
    const struct target *target = view->target;
    uint8_t *kinds = memory_resize(NULL, target->mapping_count, 1);
    memset(bytes, 0, OTHERS_COUNT * sizeof bytes[0]);
    find_kinds(target, kinds);
    for (size_t i = 0; i < target->mapping_count; i++)
        if (!heap_owns(view, &target->mappings[i]))
            bytes[kinds[i]] += target->mappings[i].rss;
    free(kinds);
}
