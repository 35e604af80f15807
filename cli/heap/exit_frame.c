/* SPDX-License-Identifier: MIT */
/*
 * Looks on a stack for the address of return into exit(), and for what has called it. exit() is the
 * only function between main and the destructors that each C library names.
 */
#include "heap/exit_frame.h"

#include <string.h>

#include "heap/find_root.h"
#include "heap/target_read.h"

#define WORD sizeof(uint64_t)
/* exit() lies near the stack pointer, but a destructor's frames may be large. */
#define STACK_BYTES_MAX ((size_t)256 << 10)
/* exit() is short: it calls another function, which does not return. */
#define EXIT_BYTES 64
/* Its own frame has a few words. */
#define FRAME_WORDS 8

static bool is_libc(const struct mapping *mapping)
{
    const char *slash = strrchr(mapping->path, '/');
    return slash && (strncmp(slash, "/libc.", 6) == 0 || strncmp(slash, "/libc-", 6) == 0 ||
                     strncmp(slash, "/ld-musl", 8) == 0);
}

uint64_t exit_function_find(const struct target *target)
{
    for (size_t i = 0; i < target->mapping_count; i++)
        if (target->mappings[i].is_executable && is_libc(&target->mappings[i]))
            return target_find_function(target, &target->mappings[i], "exit");
    /* linked into the program, which is mapped first */
    return target->mapping_count > 0 ? target_find_function(target, &target->mappings[0], "exit")
                                     : 0;
}

static const struct mapping *code_at(const struct target *target, uint64_t word)
{
    const struct mapping *mapping = target_mapping(target, word);
    return mapping && mapping->is_executable ? mapping : NULL;
}

/* The place of the first of words[from, to) that is an address in code; `to`: there is none. */
static size_t find_code(const struct target *target, const uint64_t *words, size_t from, size_t to)
{
    while (from < to && !code_at(target, words[from]))
        from++;
    return from;
}

uint64_t exit_frame_find(struct target *target, uint64_t exit, uint64_t stack_pointer, uint64_t end)
{
    static uint64_t words[STACK_BYTES_MAX / WORD];
    const struct mapping *own = exit ? code_at(target, exit) : NULL;
    uint64_t start = stack_pointer / WORD * WORD;
    size_t size = end - start < sizeof words ? (size_t)(end - start) : sizeof words;
    if (!own)
        return 0;
    size_t count = target_read_part(target, start, words, size) / WORD;
    for (size_t i = 0; i < count; i++) {
        if (words[i] <= exit || words[i] > exit + EXIT_BYTES)
            continue;
        size_t most = count - i - 1 < FRAME_WORDS ? count : i + 1 + FRAME_WORDS;
        size_t at = find_code(target, words, i + 1, most);
        return at < most && code_at(target, words[at]) == own ? start + at * WORD : 0;
    }
    return 0;
}
