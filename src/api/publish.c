/* SPDX-License-Identifier: MIT */
/*
 * Writes the figures for HAKMEM_STATS, HAKMEM_METRICS and HAKMEM_REPORT: to standard error; into a
 * file that is replaced as a whole, so that a reader never sees half of one; and into a report of
 * each process. Slow paths write the first two when an interval has passed. At exit all are
 * written. May never write into a file that is not ours.
 */
#include "api/api.h"
#include "diag/diag.h"

#include <unistd.h>

#define PATH_BYTES (SETTING_TEXT_MAX + 64)

/* Purpose: when to write next, and whether a write has failed. Lock-free: the thread that advances
 * due_ms writes the figures. */
static early_data struct {
    _Atomic uint64_t due_ms;
    _Atomic bool has_failed;
} publish;

static void put_to_stderr(void *context, const char *text, size_t length)
{
    (void)context;
    if (write_may_use_stderr(false))
        os_write_file(STDERR_FILENO, text, length);
}

/* Purpose: a file that is being written. Invariant: is_whole says that all text so far is in the
 * file. */
struct draft {
    int fd;
    bool is_whole;
};

static void put_to_draft(void *context, const char *text, size_t length)
{
    struct draft *draft = context;
    draft->is_whole = draft->is_whole && os_write_file(draft->fd, text, length);
}

/* Write a new file of this name; false if the file is not complete. */
static bool write_draft(const char *path, const struct snapshot *snapshot)
{
    struct draft draft = {.fd = os_create_public_file(path), .is_whole = true};
    if (draft.fd < 0)
        return false;
    struct writer writer = {.put = put_to_draft, .context = &draft};
    render_metrics(&writer, snapshot, g_fb_counts);
    writer_flush(&writer);
    os_close_file(draft.fd);
    return draft.is_whole;
}

/* The setting, with the number of the process in place of each %p. */
static void expand_path(char path[SETTING_TEXT_MAX + 32])
{
    size_t used = 0;
    const char *from = settings.metrics;
    while (*from && used < SETTING_TEXT_MAX) {
        if (from[0] == '%' && from[1] == 'p') {
            used += text_format(path + used, SETTING_TEXT_MAX + 32 - used, "%d", (int)getpid());
            from += 2;
        } else {
            path[used++] = *from++;
        }
    }
    path[used] = '\0';
}

static void write_metrics(const struct snapshot *snapshot)
{
    char path[SETTING_TEXT_MAX + 32];
    char draft[PATH_BYTES];
    expand_path(path);
    text_format(draft, sizeof(draft), "%s.%d.new", path, (int)getpid());
    os_remove_file(draft);
    if (write_draft(draft, snapshot) && os_rename_file(draft, path))
        return;
    os_remove_file(draft);
    if (!atomic_exchange_explicit(&publish.has_failed, true, memory_order_relaxed))
        log_line("HAKMEM_METRICS=%s: cannot be written: expected a regular file, or none yet, in a "
                 "directory with room that can be written to",
                 settings.metrics);
}

static void write_figures(bool has_stats)
{
    const struct snapshot *snapshot = snapshot_borrow();
    if (has_stats) {
        struct writer writer = {.put = put_to_stderr};
        writer_add(&writer, "hakmem: [%d] ", (int)getpid());
        render_text(&writer, snapshot);
        writer_flush(&writer);
    }
    if (settings.metrics[0] && !atomic_load_explicit(&publish.has_failed, memory_order_relaxed))
        write_metrics(snapshot);
    snapshot_return(snapshot);
}

/* ---- the report of one process ---- */

/* The most reports with the same process number in one run: the kernel uses numbers again, and exec
 * keeps the number. */
#define REPORTS_OF_ONE_NUMBER 1000

static void put_in_file(void *context, const char *text, size_t length)
{
    os_write_file(*(int *)context, text, length);
}

/* Create PID.report, or PID.2.report, PID.3.report and so on if that name exists. The file is
 * always new: an existing one is the report of another process, or no report. */
static int create_report(void)
{
    char path[SETTING_TEXT_MAX + 48];
    int pid = (int)getpid();
    text_format(path, sizeof(path), "%s/%d.report", settings.report, pid);
    int fd = os_create_file(path);
    for (unsigned number = 2; fd < 0 && os_file_exists(path) && number <= REPORTS_OF_ONE_NUMBER;
         number++) {
        text_format(path, sizeof(path), "%s/%d.%u.report", settings.report, pid, number);
        fd = os_create_file(path);
    }
    return fd;
}

static void write_report(const struct snapshot *snapshot)
{
    int fd = create_report();
    if (fd < 0) {
        log_line(
            "HAKMEM_REPORT=%s: no report can be written: expected a directory with room that can "
            "be written to",
            settings.report);
        return;
    }
    struct writer writer = {.put = put_in_file, .context = &fd};
    render_report(&writer, snapshot, g_fb_counts);
    writer_flush(&writer);
    os_close_file(fd);
}

/* `hakmem run --report` listens in the directory. It reads the whole heap while this process
 * waits. */
static void wait_for_look(void)
{
    char path[SETTING_TEXT_MAX + 48];
    text_format(path, sizeof(path), "%s/" REPORT_SOCKET_NAME, settings.report);
    os_visit(path, REPORT_LOOK_SECONDS);
}

/* ---- when ---- */

/* Under a seccomp filter no file is made, and only fatal messages are written. */
static void on_slow_path(void)
{
    if (os_is_filtered())
        return;
    uint64_t now = os_now_ms();
    uint64_t due = atomic_load_explicit(&publish.due_ms, memory_order_relaxed);
    if (likely(now < due))
        return;
    uint64_t next = now + (uint64_t)settings.interval_ms;
    /* relaxed: only the thread that wins writes; nothing else depends on the order */
    if (atomic_compare_exchange_strong_explicit(&publish.due_ms, &due, next, memory_order_relaxed,
                                                memory_order_relaxed) &&
        due != 0)
        write_figures(settings.stats == WHEN_INTERVAL);
}

void publish_start(void)
{
    if (settings.metrics[0] || settings.stats == WHEN_INTERVAL)
        route_on_slow_path = on_slow_path;
}

void publish_at_exit(void)
{
    if (os_is_filtered())
        return;
    if (settings.report[0]) {
        const struct snapshot *snapshot = snapshot_borrow();
        write_report(snapshot);
        snapshot_return(snapshot);
        wait_for_look();
    }
    if (settings.metrics[0] || settings.stats != WHEN_NEVER)
        write_figures(settings.stats != WHEN_NEVER);
}
