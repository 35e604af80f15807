/* SPDX-License-Identifier: MIT */
/*
 * Switches profiling on and off from outside. A process that profiles by itself is left alone.
 */
#include "run/profiling.h"

#include "heap/profile_view.h"

void profiling_begin(struct profiling *profiling, const struct heap_view *view)
{
    unsigned clients;
    bool has_profile;
    *profiling = (struct profiling){.is_asked = false};
    if (!profile_view_clients(view, &clients, &has_profile) || (clients & PROFILE_BY_PROGRAM))
        return;
    profiling->is_asked = attach_begin(&profiling->attachment, view,
                                       view->settings.profile_interval);
}

void profiling_look(struct profiling *profiling)
{
    if (profiling->is_asked && attach_look(&profiling->attachment) == ATTACH_ON)
        profiling->was_on = true;
}

bool profiling_end(struct profiling *profiling)
{
    bool is_over = !profiling->is_asked || attach_end(&profiling->attachment);
    profiling->is_asked = false;
    return is_over;
}
