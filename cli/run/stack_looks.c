/* SPDX-License-Identifier: MIT */
/*
 * Reads a process's profile again and again. A program may end at any time, so each look replaces
 * the whole profile of the look before. Names are found once, at the end.
 */
#include "run/stack_looks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "heap/copy.h"
#include "heap/process.h"

/* Looks at profiles take at most 1 / this number of the time. */
#define COST_SHARE 20

static void keep(struct stack_looks *looks, struct named_profile *named)
{
    if (looks->has_profile)
        named_profile_close(&looks->profile);
    looks->profile = *named;
    looks->has_profile = true;
    looks->has_names = false;
    looks->error[0] = '\0';
}

static bool read_profile(struct stack_looks *looks, struct heap_view *view)
{
    struct named_profile named;
    if (!named_profile_read(&named, view->target, view)) {
        if (!view->target->is_gone)
            snprintf(looks->error, sizeof looks->error, "%s", view->target->error);
        return false;
    }
    keep(looks, &named);
    return true;
}

void stack_looks_add(struct stack_looks *looks, struct heap_view *view, double at, bool is_at_exit)
{
    double begin = clock_seconds();
    if (!is_at_exit && at < looks->next)
        return;
    /* at its exit a program has freed its memory: that look says nothing about its life */
    if (read_profile(looks, view) && !is_at_exit)
        site_history_add(&looks->history, &looks->profile.view, at);
    looks->next = at + COST_SHARE * (clock_seconds() - begin);
}

void stack_looks_read(struct stack_looks *looks, pid_t pid)
{
    struct target target;
    struct heap_view view;
    if (!target_open_process(&target, pid))
        return;
    if (heap_view_open(&view, &target)) {
        read_profile(looks, &view);
        heap_view_close(&view);
    }
    target_close(&target);
}

void stack_looks_find_names(struct stack_looks *looks)
{
    if (looks->has_profile && !looks->has_names)
        named_profile_find_names(&looks->profile);
    looks->has_names = looks->has_profile;
}

static bool is_in_module(const struct modules *modules, const struct site_view *site)
{
    for (uint32_t i = 0; i < site->depth; i++)
        if (!modules_at(modules, site->frames[i]))
            return false;
    return true;
}

/* Some files can be read only as long as the process runs: deleted files, files that only the
 * process can open, and the names of code that it has compiled itself. */
bool stack_looks_need_process(const struct stack_looks *looks)
{
    const struct modules *modules = &looks->profile.symbols.modules;
    if (!looks->has_profile || looks->has_names)
        return false;
    for (size_t i = 0; i < modules->count; i++)
        if (modules->list[i].is_deleted || access(modules->list[i].path, R_OK) != 0)
            return true;
    for (size_t i = 0; i < looks->profile.view.site_count; i++)
        if (!is_in_module(modules, &looks->profile.view.sites[i]))
            return true;
    return false;
}

void stack_looks_free(struct stack_looks *looks)
{
    if (looks->has_profile)
        named_profile_close(&looks->profile);
    site_history_free(&looks->history);
    *looks = (struct stack_looks){.has_profile = false};
}
