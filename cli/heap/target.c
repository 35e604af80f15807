/* SPDX-License-Identifier: MIT */
/*
 * The common part of processes and core files as targets: messages, the list of mappings, and
 * closing.
 */
#include "heap/target.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/message.h"

/* ---- messages ---- */

bool target_fail(struct target *target, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(target->error, sizeof target->error, format, arguments);
    va_end(arguments);
    return false;
}

bool target_fail_named(struct target *target, const char *what)
{
    if (target->is_core)
        return target_fail(target, "'%s': %s", target->core_path, what);
    return target_fail(target, "process %d (%s): %s", (int)target->pid, target->program, what);
}

bool target_fail_damaged(struct target *target, const char *what)
{
    char text[200];
    target->is_damaged = true;
    snprintf(text, sizeof text, "its heap is damaged: %s", what);
    return target_fail_named(target, text);
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

/* ---- mappings ---- */

void target_add_mapping(struct target *target, const struct mapping *mapping)
{
    /* the array doubles: it is full at each power of two */
    size_t count = target->mapping_count;
    if ((count & (count - 1)) == 0)
        target->mappings = memory_resize(target->mappings, count ? 2 * count : 1,
                                         sizeof target->mappings[0]);
    target->mappings[count] = *mapping;
    target->mappings[count].path = strdup(mapping->path);
    if (!target->mappings[count].path)
        exit(cli_fail(EXIT_INTERNAL, "hakmem: out of memory"));
    target->mapping_count++;
}

void target_drop_mappings_from(struct target *target, uint64_t address)
{
    while (target->mapping_count > 0 && target->mappings[target->mapping_count - 1].end > address)
        free(target->mappings[--target->mapping_count].path);
}

void target_drop_mappings(struct target *target)
{
    for (size_t i = 0; i < target->mapping_count; i++)
        free(target->mappings[i].path);
    free(target->mappings);
    target->mappings = NULL;
    target->mapping_count = 0;
}

const struct mapping *target_mapping(const struct target *target, uint64_t address)
{
    size_t low = 0;
    size_t high = target->mapping_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct mapping *mapping = &target->mappings[middle];
        if (address < mapping->start)
            high = middle;
        else if (address >= mapping->end)
            low = middle + 1;
        else
            return mapping;
    }
    return NULL;
}

/* ---- closing ---- */

static void close_file(int file)
{
    if (file >= 0)
        close(file);
}

void target_close(struct target *target)
{
    target_drop_mappings(target);
    free(target->segments);
    close_file(target->file);
    close_file(target->memory);
    close_file(target->directory);
    *target = (struct target){.directory = -1, .memory = -1, .file = -1};
}
