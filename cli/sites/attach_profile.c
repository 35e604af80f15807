/* SPDX-License-Identifier: MIT */
/*
 * Profiles a process for some time. It reads the profile again and again meanwhile, so that the
 * last reading is there when the process ends. It subtracts the bytes that were allocated before.
 * The live bytes are those at the end.
 */
#include "sites/attach_profile.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/message.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "heap/pinners.h"
#include "heap/process.h"
#include "os/setting_rows.h"
#include "sites/attachment.h"

/* How long a process that is not idle may take to begin, however short its time is. */
#define BEGIN_SECONDS 10.0
/* The time between two looks, before and after the process has begun. */
#define ASK_SECONDS 0.02
#define LOOK_SECONDS 0.25
/* The time between two readings: short at first, and then so long that the readings take 1/20 of
 * the time. */
#define READ_LEAST 0.05
#define READ_MOST 1.0
#define READ_SHARE 20

/* Purpose: profiling one process. */
struct session {
    const struct attach_wish *wish;
    struct heap_view *view;
    struct target *target;
    struct attachment attachment;
    unsigned clients;            /* before: bits of enum profile_client */
    struct profile_view earlier; /* of before, if there was a profile */
    struct profile_view last;    /* the last reading, if has_last */
    struct modules modules;      /* read with it */
    bool has_last;
    bool is_on;
    bool has_ended;  /* the process */
    bool has_lapsed; /* the lease */
    double asked_at; /* by clock_seconds */
    double on_at;
    double end;
    double next_read;
    uint64_t on_ms;   /* CLOCK_REALTIME */
    uint64_t read_ms; /* the same, of `last` */
};

static uint64_t wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Does the process profile by itself? Then nothing is written into it. */
static bool is_by_itself(const struct session *session)
{
    return (session->clients & PROFILE_BY_PROGRAM) != 0;
}

/* ---- signals ---- */

/* Block the signals that end the session, except those that the caller ignores. */
static void hold_signals(sigset_t *awaited, sigset_t *before)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP};
    sigemptyset(awaited);
    for (size_t i = 0; i < sizeof ending / sizeof ending[0]; i++) {
        struct sigaction action;
        if (sigaction(ending[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(awaited, ending[i]);
    }
    sigprocmask(SIG_BLOCK, awaited, before);
}

static bool has_signal(const sigset_t *awaited, double seconds)
{
    struct timespec wait = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    return sigtimedwait(awaited, NULL, &wait) > 0;
}

/* Drop the signals that came meanwhile, and unblock them: the process does not profile for us any
 * more, so a further signal may end the command. */
static void release_signals(const sigset_t *awaited, const sigset_t *before)
{
    while (has_signal(awaited, 0))
        continue;
    sigprocmask(SIG_SETMASK, before, NULL);
}

/* ---- readings ---- */

/* Read the heap again, since the pinned bytes follow from it, and the mappings, since the process
 * may have loaded or unloaded libraries. */
static bool read_all(struct session *session, struct profile_view *now)
{
    struct heap_view view;
    if (!target_refresh(session->target) || !heap_view_open(&view, session->target))
        return false;
    bool is_read = profile_view_open(now, &view);
    if (is_read)
        pinners_find(now, &view);
    heap_view_close(&view);
    return is_read;
}

static void keep(struct session *session, const struct profile_view *now)
{
    if (session->has_last)
        profile_view_close(&session->last);
    session->last = *now;
    session->has_last = true;
    session->read_ms = wall_ms();
    modules_free(&session->modules);
    modules_find(&session->modules, session->target);
}

/* Read the profile. If the heap changes too much while it is read, the last reading stays. False:
 * there is no profile any more, and the last reading stays. */
static bool read_profile(struct session *session)
{
    struct profile_view now;
    if (!read_all(session, &now)) {
        uint64_t rss;
        session->has_ended = session->target->is_gone || !target_rss(session->target, &rss);
        return !session->has_ended;
    }
    if (!is_by_itself(session) && !(now.clients & (PROFILE_BY_COMMAND | PROFILE_BY_PROGRAM))) {
        session->has_lapsed = true;
        profile_view_close(&now);
        return false;
    }
    keep(session, &now);
    return true;
}

static bool read_when_due(struct session *session)
{
    double before = clock_seconds();
    if (before < session->next_read)
        return true;
    if (!read_profile(session))
        return false;
    double now = clock_seconds();
    double pause = now - session->on_at;
    pause = pause < READ_LEAST ? READ_LEAST : pause > READ_MOST ? READ_MOST : pause;
    if (pause < READ_SHARE * (now - before))
        pause = READ_SHARE * (now - before);
    session->next_read = now + pause;
    return true;
}

/* ---- the session ---- */

static void begin_time(struct session *session)
{
    session->is_on = true;
    session->on_at = clock_seconds();
    session->on_ms = wall_ms();
    session->end = session->on_at + session->wish->seconds;
}

static bool begin(struct session *session)
{
    int64_t interval = session->wish->interval;
    session->asked_at = clock_seconds();
    session->end = session->asked_at + session->wish->seconds;
    if (is_by_itself(session)) {
        begin_time(session);
        return true;
    }
    if (!interval)
        interval = session->view->settings.profile_interval;
    return attach_begin(&session->attachment, session->view, interval);
}

static void say_idle(const struct session *session)
{
    cli_say("%s: %s is idle: profiling begins when it next allocates", session->wish->command,
            choice_title(session->target));
}

/* False: the session has ended. */
static bool look(struct session *session, bool *is_told)
{
    enum attach_state state = is_by_itself(session) ? ATTACH_ON : attach_look(&session->attachment);
    if (state == ATTACH_LOST || state == ATTACH_REFUSED)
        return false;
    if (state == ATTACH_ON && !session->is_on)
        begin_time(session);
    if (session->attachment.is_idle && !session->is_on && !*is_told) {
        *is_told = true;
        say_idle(session);
    }
    return !session->is_on || read_when_due(session);
}

/* The time of --for begins when the process begins to profile. */
static double seconds_left(const struct session *session)
{
    bool is_to_begin = !session->is_on && !session->attachment.is_idle;
    double begin = session->asked_at + BEGIN_SECONDS;
    return (is_to_begin && begin > session->end ? begin : session->end) - clock_seconds();
}

static void run(struct session *session, const sigset_t *awaited)
{
    bool is_told = false;
    while (look(session, &is_told)) {
        double left = seconds_left(session);
        double step = session->is_on ? LOOK_SECONDS : ASK_SECONDS;
        if (left <= 0 || has_signal(awaited, left < step ? left : step))
            break;
    }
    if (!session->is_on) /* it may have begun since the last look */
        look(session, &is_told);
    if (session->is_on && !session->has_ended && !session->has_lapsed)
        read_profile(session);
    session->has_ended = session->has_ended || session->target->is_gone;
    if (!is_by_itself(session) && !session->has_ended && !attach_end(&session->attachment))
        cli_say("%s: %s has become idle: profiling ends in it when it next allocates",
                session->wish->command, choice_title(session->target));
}

/* ---- the result ---- */

/* There was no reading: the process ended before, or its heap cannot be read. */
static int say_not_read(struct session *session)
{
    if (session->has_ended)
        process_explain(session->target, ESRCH);
    return cli_fail(EXIT_FAILURE, "%s: %s", session->wish->command, session->target->error);
}

static int say_never_on(struct session *session)
{
    const char *command = session->wish->command;
    const char *title = choice_title(session->target);
    double seconds = clock_seconds() - session->asked_at;
    if (session->attachment.state == ATTACH_REFUSED)
        return cli_fail(EXIT_FAILURE,
                        "%s: %s cannot profile: it has no memory for that, or no clock", command,
                        title);
    if (session->has_ended)
        return say_not_read(session);
    target_refresh(session->target);
    if (session->target->state == 'T' || session->target->state == 't')
        return cli_fail(EXIT_FAILURE, "%s: %s is stopped: there is nothing to profile", command,
                        title);
    return cli_fail(EXIT_FAILURE, "%s: %s has allocated nothing in %.3g s", command, title,
                    seconds);
}

static bool has_samples(const struct profile_view *copied)
{
    for (size_t i = 0; i < copied->site_count; i++)
        if (copied->sites[i].alloc_bytes > 0 || copied->sites[i].live_bytes > 0)
            return true;
    return false;
}

static int say_no_samples(struct session *session)
{
    const struct setting_row *row = setting_rows;
    while (strcmp(row->name, "PROFILE_INTERVAL") != 0)
        row++;
    return cli_fail(EXIT_FAILURE,
                    "%s: nothing of %s was sampled in %.3g s, at one sample every %s: see "
                    "--interval",
                    session->wish->command, choice_title(session->target),
                    (double)(session->read_ms - session->on_ms) / 1000,
                    setting_write(row, (int64_t)session->last.interval).bytes);
}

static void say_early_end(struct session *session)
{
    double seconds = (double)(session->read_ms - session->on_ms) / 1000;
    if (session->has_ended) {
        process_explain(session->target, ESRCH);
        cli_say("%s: %s: the profile is of the %.3g s before", session->wish->command,
                session->target->error, seconds);
    } else if (session->has_lapsed) {
        cli_say("%s: %s has ended profiling, since hakmem was late: the profile is of the %.3g s "
                "before",
                session->wish->command, choice_title(session->target), seconds);
    }
}

/* Move the profile to `named`. */
static void give(struct session *session, struct named_profile *named)
{
    struct target *target = session->target;
    *named = (struct named_profile){.view = session->last,
                                    .read_ms = session->read_ms,
                                    .pid = session->has_ended ? 0 : target->pid};
    named->view.started_ms = session->on_ms;
    snprintf(named->title, sizeof named->title, "%s", choice_title(target));
    memcpy(named->program, target->program, sizeof named->program);
    named->symbols.modules = session->modules;
    named_profile_find_names(named);
    session->has_last = false;
    session->modules = (struct modules){0};
}

static int finish(struct session *session, struct named_profile *named)
{
    if (!session->is_on)
        return say_never_on(session);
    if (!session->has_last)
        return say_not_read(session);
    profile_view_subtract(&session->last, &session->earlier);
    say_early_end(session);
    if (!has_samples(&session->last))
        return say_no_samples(session);
    give(session, named);
    return EXIT_SUCCESS;
}

/* ---- beginning ---- */

/* Read the profile as it is before: the process may have one from earlier sessions. */
static bool read_before(struct session *session)
{
    bool has_profile;
    if (!profile_view_clients(session->view, &session->clients, &has_profile))
        return false;
    return !has_profile || profile_view_open(&session->earlier, session->view);
}

static void say_begin(const struct session *session)
{
    const struct attach_wish *wish = session->wish;
    cli_say("%s: %s is profiled for %.6g s, or until it ends, or Ctrl-C", wish->command,
            choice_title(session->target), wish->seconds);
    if (session->clients && wish->interval && (uint64_t)wish->interval != session->earlier.interval)
        cli_say("%s: it was profiled already: --interval has no effect", wish->command);
}

int attach_profile(const struct attach_wish *wish, struct heap_view *view,
                   struct named_profile *named)
{
    struct session session = {.wish = wish, .view = view, .target = view->target};
    sigset_t awaited;
    sigset_t before;
    if (view->is_empty)
        return cli_fail(EXIT_FAILURE, "%s: %s does not use the heap of HAKMEM", wish->command,
                        choice_title(view->target));
    if (!read_before(&session))
        return cli_fail(EXIT_FAILURE, "%s: %s", wish->command, view->target->error);
    say_begin(&session);
    hold_signals(&awaited, &before);
    bool has_begun = begin(&session);
    if (has_begun)
        run(&session, &awaited);
    release_signals(&awaited, &before);
    int status = has_begun ? finish(&session, named)
                           : cli_fail(EXIT_FAILURE, "%s: %s", wish->command, view->target->error);
    if (session.has_last)
        profile_view_close(&session.last);
    profile_view_close(&session.earlier);
    modules_free(&session.modules);
    return status;
}
