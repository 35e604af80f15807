/* SPDX-License-Identifier: MIT */
/*
 * Compares two profiles: two files in pprof's form, from any program, or one process at two
 * moments.
 */
#include "sites/profile_diff.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/message.h"
#include "heap/copy.h"
#include "heap/process.h"
#include "sites/attach_profile.h"
#include "sites/stack_changes.h"

#define ROWS_DEFAULT 10

static int print(const struct profile_diff *diff, struct stack_changes *changes,
                 struct changes_title *title)
{
    title->figure = diff->figure;
    title->rows = diff->rows;
    if (!diff->rows)
        title->rows = diff->is_json ? SIZE_MAX : ROWS_DEFAULT;
    (diff->is_json ? stack_changes_print_json : stack_changes_print)(stdout, changes, title);
    stack_changes_free(changes);
    return EXIT_SUCCESS;
}

/* ---- files ---- */

/* The names of a figure's values in files of pprof's form. */
static const struct {
    const char *bytes;
    const char *blocks; /* NULL: none */
} types[] = {
    [FIGURE_LIVE] = {"inuse_space", "inuse_objects"},
    [FIGURE_ALLOCATED] = {"alloc_space", "alloc_objects"},
    [FIGURE_PEAK] = {"peak_space", "peak_objects"},
    [FIGURE_PINNED] = {"pinned_space", NULL},
    [FIGURE_LIFETIME] = {"alloc_space", "alloc_objects"},
};

/* Purpose: one file that is being added. */
struct side {
    struct stack_changes *changes;
    enum change_side side;
    size_t bytes;  /* indexes of values */
    size_t blocks; /* type_count: the file has none */
    size_t type_count;
};

static void take_sample(void *state, const struct pprof_frame *frames, size_t count,
                        const int64_t *values)
{
    const struct side *side = state;
    const double figures[2] = {(double)values[side->bytes],
                               side->blocks < side->type_count ? (double)values[side->blocks] : 0};
    stack_changes_add(side->changes, side->side, frames, count, figures);
}

static bool add_file(const struct profile_diff *diff, const char *path, struct pprof_profile *file,
                     struct side *side)
{
    const char *bytes = types[diff->figure].bytes;
    const char *blocks = types[diff->figure].blocks;
    side->type_count = file->type_count;
    side->bytes = pprof_type(file, bytes);
    side->blocks = blocks ? pprof_type(file, blocks) : file->type_count;
    if (side->bytes == file->type_count)
        cli_fail(EXIT_FAILURE, "%s: '%.200s' has no '%s': it is another kind of profile",
                 diff->command, path, bytes);
    else if (!pprof_each(file, take_sample, side))
        cli_fail(EXIT_FAILURE, "%s: '%.200s' is damaged: its stacks have too many functions",
                 diff->command, path);
    else
        return true;
    return false;
}

int profile_diff_files(const struct profile_diff *diff, const char *const paths[2])
{
    struct stack_changes changes = {0};
    struct pprof_profile profiles[CHANGE_SIDES] = {{0}, {0}};
    struct changes_title title = {.names = {paths[0], paths[1]}, .seconds = NAN};
    int status = EXIT_SUCCESS;
    for (int i = CHANGE_BEFORE; i < CHANGE_SIDES && status == EXIT_SUCCESS; i++) {
        struct side side = {.changes = &changes, .side = (enum change_side)i};
        if (!pprof_open(&profiles[i], diff->command, paths[i]) ||
            !add_file(diff, paths[i], &profiles[i], &side))
            status = EXIT_FAILURE;
        else if (profiles[i].period > title.interval)
            title.interval = profiles[i].period;
    }
    if (profiles[0].time_ns > 0 && profiles[1].time_ns > 0)
        title.seconds = ((double)profiles[1].time_ns - (double)profiles[0].time_ns) / 1e9;
    if (status == EXIT_SUCCESS)
        status = print(diff, &changes, &title);
    else
        stack_changes_free(&changes);
    pprof_close(&profiles[0]);
    pprof_close(&profiles[1]);
    return status;
}

/* ---- a process ---- */

static void add_profile(struct stack_changes *changes, enum change_side side,
                        const struct named_profile *named, enum figure figure)
{
    static struct named_stack stack;
    static struct pprof_frame frames[STACK_FRAMES_MAX];
    for (size_t i = 0; i < named->view.site_count; i++) {
        const struct site_view *site = &named->view.sites[i];
        const double figures[2] = {(double)site_bytes(site, figure), site_count(site, figure)};
        stack_name(&stack, named, site);
        for (size_t j = stack.skipped; j < stack.count; j++)
            frames[j - stack.skipped] = (struct pprof_frame){
                stack.frames[j]->function, stack.frames[j]->file, stack.frames[j]->line};
        stack_changes_add(changes, side, frames, stack.count - stack.skipped, figures);
    }
}

/* Wait until the time has passed, or the user sends Ctrl-C. */
static void wait_for(const struct profile_diff *diff, double seconds)
{
    const struct timespec time = {(time_t)seconds, (long)((seconds - floor(seconds)) * 1e9)};
    sigset_t ending;
    sigset_t before;
    cli_say("%s: looks again in %g s, or at Ctrl-C", diff->command, seconds);
    sigemptyset(&ending);
    sigaddset(&ending, SIGINT);
    sigprocmask(SIG_BLOCK, &ending, &before);
    sigtimedwait(&ending, NULL, &time);
    sigprocmask(SIG_SETMASK, &before, NULL);
}

static bool look_again(struct target *target, struct heap_view *view)
{
    heap_view_close(view);
    return target_refresh(target) && heap_view_open(view, target);
}

/* The second moment of a process that profiles. */
static int open_later(const struct profile_diff *diff, double seconds, struct heap_view *view,
                      struct named_profile *named)
{
    struct target *target = view->target;
    wait_for(diff, seconds);
    if (!look_again(target, view) || !named_profile_open(named, target, view))
        return cli_fail(EXIT_FAILURE, "%s: %s", diff->command, target->error);
    return EXIT_SUCCESS;
}

/* Purpose: one process at two moments. */
struct moments {
    struct named_profile named[CHANGE_SIDES];
    bool has_before;  /* there was a profile, on or off */
    bool is_attached; /* it is asked to profile meanwhile */
};

static int open_moments(const struct profile_diff *diff, double seconds, struct heap_view *view,
                        struct moments *moments)
{
    const struct attach_wish wish = {.command = diff->command, .seconds = seconds};
    struct target *target = view->target;
    unsigned clients = 0;
    if (!view->is_empty && !profile_view_clients(view, &clients, &moments->has_before))
        return cli_fail(EXIT_FAILURE, "%s: %s", diff->command, target->error);
    moments->is_attached = clients == 0;
    if (moments->has_before && !named_profile_open(&moments->named[CHANGE_BEFORE], target, view))
        return cli_fail(EXIT_FAILURE, "%s: %s", diff->command, target->error);
    return moments->is_attached ? attach_profile(&wish, view, &moments->named[CHANGE_AFTER])
                                : open_later(diff, seconds, view, &moments->named[CHANGE_AFTER]);
}

static int print_moments(const struct profile_diff *diff, const struct moments *moments,
                         double seconds)
{
    const struct named_profile *named = moments->named;
    struct stack_changes changes = {0};
    struct changes_title title = {
        .names = {named[CHANGE_AFTER].title, named[CHANGE_AFTER].title},
        .seconds = seconds,
        .interval = named[CHANGE_AFTER].view.interval,
    };
    /* of what was allocated, the profile of the time between has only that of this time */
    bool is_new = moments->is_attached &&
                  (diff->figure == FIGURE_ALLOCATED || diff->figure == FIGURE_LIFETIME);
    if (moments->has_before && !is_new)
        add_profile(&changes, CHANGE_BEFORE, &named[CHANGE_BEFORE], diff->figure);
    add_profile(&changes, CHANGE_AFTER, &named[CHANGE_AFTER], diff->figure);
    int status = print(diff, &changes, &title);
    if (moments->is_attached)
        cli_say("%s: it was profiled for this time only: blocks from before do not count",
                diff->command);
    symbols_say_missing(&named[CHANGE_AFTER].symbols, diff->command);
    return status;
}

int profile_diff_process(const struct profile_diff *diff, const char *pid, double seconds)
{
    const struct choice choice = {
        .command = diff->command, .pid = pid, .is_to_write = true, .is_attach = true};
    static struct moments moments;
    struct target target;
    struct heap_view view;
    choice_open(&choice, &target, &view);
    double begin = clock_seconds();
    int status = open_moments(diff, seconds, &view, &moments);
    if (status == EXIT_SUCCESS) {
        status = print_moments(diff, &moments, clock_seconds() - begin);
        named_profile_close(&moments.named[CHANGE_AFTER]);
    }
    if (moments.has_before)
        named_profile_close(&moments.named[CHANGE_BEFORE]);
    heap_view_close(&view);
    target_close(&target);
    return status;
}
