/* SPDX-License-Identifier: MIT */
/*
 * Reads patterns, and compares functions with them.
 */
#include "sites/suppressions.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/message.h"

void suppressions_add(struct suppressions *suppressions, const char *pattern)
{
    size_t count = suppressions->count;
    if ((count & (count - 1)) == 0)
        suppressions->patterns = memory_resize(suppressions->patterns, count ? 2 * count : 1,
                                               sizeof *suppressions->patterns);
    char *copy = memory_resize(NULL, strlen(pattern) + 1, 1);
    suppressions->patterns[suppressions->count++] = strcpy(copy, pattern);
}

void suppressions_read(struct suppressions *suppressions, const char *command, const char *path)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t room = 0;
    ssize_t length = 0;
    errno = file ? 0 : errno;
    while (file && (length = getline(&line, &room, file)) > 0) {
        char *start = line + strspn(line, " \t");
        char *end = line + length;
        while (end > start && strchr(" \t\r\n", end[-1]))
            *--end = '\0';
        if (start[0] != '\0' && start[0] != '#')
            suppressions_add(suppressions, start);
    }
    if (!file || ferror(file))
        exit(cli_fail(EXIT_USAGE, "%s: cannot read '%.200s': %s", command, path, strerror(errno)));
    free(line);
    fclose(file);
}

/* Where the parameters begin that follow a function's name; "operator()" has none of its own. */
static size_t name_length(const char *function)
{
    const char *from = function;
    const char *call = strstr(function, "operator()");
    if (call)
        from = call + strlen("operator()");
    const char *parameters = strchr(from, '(');
    return parameters && parameters > function ? (size_t)(parameters - function) : strlen(function);
}

static bool matches(const char *pattern, const char *function)
{
    char name[1024];
    if (fnmatch(pattern, function, 0) == 0)
        return true;
    size_t length = name_length(function);
    if (function[length] == '\0' || length >= sizeof name)
        return false;
    memcpy(name, function, length);
    name[length] = '\0';
    return fnmatch(pattern, name, 0) == 0;
}

bool suppressions_match(const struct suppressions *suppressions, const struct named_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++)
        for (size_t j = 0; j < suppressions->count; j++)
            if (matches(suppressions->patterns[j], stack->frames[i]->function))
                return true;
    return false;
}
