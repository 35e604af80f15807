/* SPDX-License-Identifier: MIT */
/*
 * The rows of a comparison: one for each allocator, and one for the program as it is. A program
 * that is linked with its own allocator gets two rows instead of one: as it is, and glibc's, with
 * libc preloaded so that it comes before the linked allocator.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/message.h"
#include "compare/compare.h"

#define BARE_NAME "the program as it is"
#define BARE_LABEL "as it is"

static struct contender new_row(const struct allocator *allocator)
{
    struct contender row = {.allocator = *allocator};
    for (size_t metric = 0; metric < METRIC_COUNT; metric++)
        row.intervals[metric] = interval_of(NULL, 0);
    return row;
}

static void free_row(struct contender *row)
{
    free(row->allocator.path);
    free(row->allocator.also);
    for (size_t metric = 0; metric < METRIC_COUNT; metric++)
        free(row->values[metric]);
}

struct contender *compare_bare(const struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->count; i++)
        if (!comparison->contenders[i].allocator.path)
            return &comparison->contenders[i];
    return NULL;
}

static void name_row(struct contender *row, const char *name, const char *label)
{
    snprintf(row->allocator.name, sizeof row->allocator.name, "%s", name);
    snprintf(row->allocator.label, sizeof row->allocator.label, "%s", label);
}

void compare_make_rows(struct comparison *comparison, struct allocator_list *list)
{
    comparison->count = list->count;
    comparison->contenders = memory_resize(NULL, list->count, sizeof *comparison->contenders);
    for (size_t i = 0; i < list->count; i++)
        comparison->contenders[i] = new_row(&list->rows[i]);
    free(list->rows);
    struct contender *bare = compare_bare(comparison);
    if (bare) /* it is not known yet which allocator it uses */
        name_row(bare, BARE_NAME, BARE_LABEL);
}

void compare_free_rows(struct comparison *comparison)
{
    for (size_t i = 0; i < comparison->count; i++)
        free_row(&comparison->contenders[i]);
    free(comparison->contenders);
}

/* ---- Rows that depend on the program's own allocator ---- */

static char *copy_of(const char *text)
{
    char *copy = text[0] ? strdup(text) : NULL;
    if (text[0] && !copy)
        exit(cli_fail(EXIT_INTERNAL, "hakmem: %s", strerror(errno)));
    return copy;
}

/* Add a row for glibc's own allocator, after the program as it is. The C++ library is preloaded
 * after libc, or operator new would still be that of the other allocator. */
static void add_glibc(struct comparison *comparison)
{
    const struct provider *provider = &comparison->as_it_is;
    size_t index = (size_t)(compare_bare(comparison) - comparison->contenders) + 1;
    struct allocator glibc = {.path = copy_of(provider->libc), .also = copy_of(provider->cxx)};
    struct contender row = new_row(&glibc);
    name_row(&row, ALLOCATOR_GLIBC, ALLOCATOR_GLIBC);
    comparison->contenders = memory_resize(comparison->contenders, comparison->count + 1,
                                           sizeof *comparison->contenders);
    memmove(&comparison->contenders[index + 1], &comparison->contenders[index],
            (comparison->count - index) * sizeof *comparison->contenders);
    comparison->contenders[index] = row;
    comparison->count++;
    advice_add(&comparison->notes,
               "The program uses %s as it is. In the row glibc, %s%s%s is preloaded, and comes "
               "before it.",
               provider->name, glibc.path, glibc.also ? " with " : "",
               glibc.also ? glibc.also : "");
    advice_end_line(&comparison->notes);
}

static void say_why_not_glibc(struct comparison *comparison, bool is_early)
{
    const struct provider *provider = &comparison->as_it_is;
    advice_add(&comparison->notes,
               "The program uses %s as it is. There is no row of glibc: ", provider->name);
    if (provider->way == PROVIDER_INSIDE)
        advice_add(&comparison->notes,
                   "%s is in the executable, and nothing that is preloaded comes before that.",
                   provider->name);
    else
        advice_add(&comparison->notes, "%s.",
                   is_early ? "the program has another libc" : "this was seen too late");
    advice_end_line(&comparison->notes);
}

static bool is_file(const char *path, const char *other)
{
    struct stat first;
    struct stat second;
    return stat(path, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
           first.st_ino == second.st_ino;
}

/* Remove a row whose library the program uses anyway: it would be the same measurement twice. */
static void drop_twins(struct comparison *comparison)
{
    const struct provider *provider = &comparison->as_it_is;
    for (size_t i = comparison->count; i-- > 0;) {
        struct contender *each = &comparison->contenders[i];
        if (!each->allocator.path || !is_file(each->allocator.path, provider->path))
            continue;
        advice_add(&comparison->notes,
                   "%s has no row of its own: the program uses this library, %s.",
                   each->allocator.name, provider->path);
        advice_end_line(&comparison->notes);
        free_row(each);
        memmove(each, each + 1, (comparison->count - i - 1) * sizeof *each);
        comparison->count--;
    }
}

static void note_beside(struct comparison *comparison)
{
    const struct provider *provider = &comparison->as_it_is;
    if (!provider->beside)
        return;
    advice_add(&comparison->notes,
               "The executable also has a %s of its own, which it calls by other names (%s): what "
               "it allocates there is the same in each row.",
               provider->beside, provider->beside_function);
    advice_end_line(&comparison->notes);
}

void compare_name_bare(struct comparison *comparison, const struct provider *provider,
                       bool is_early)
{
    struct contender *bare = compare_bare(comparison);
    char name[sizeof bare->allocator.name];
    char label[sizeof bare->allocator.label];
    if (!bare || provider->way == PROVIDER_UNKNOWN || comparison->as_it_is.way != PROVIDER_UNKNOWN)
        return;
    comparison->as_it_is = *provider;
    note_beside(comparison);
    if (provider_is_glibc(provider)) {
        name_row(bare, ALLOCATOR_GLIBC, ALLOCATOR_GLIBC);
        return;
    }
    snprintf(name, sizeof name, "%s as it is", provider->name);
    snprintf(label, sizeof label, BARE_LABEL ": %s (%s)", provider->name,
             provider_way_word(provider->way));
    name_row(bare, name, label);
    if (is_early && provider->way != PROVIDER_INSIDE && provider->libc[0])
        add_glibc(comparison);
    else
        say_why_not_glibc(comparison, is_early);
    if (is_early && provider->path[0])
        drop_twins(comparison);
}
