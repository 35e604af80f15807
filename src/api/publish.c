/* SPDX-License-Identifier: MIT */
/*
 * HAKMEM_STATS and HAKMEM_METRICS: the figures written to standard error, and into a file that is
 * replaced as a whole, so that who reads it never sees half of one. Written by slow paths once an
 * interval has passed, and at exit. Called by init.c and, where a setting asks for it, by route.c.
 */
#include "api/api.h"
#include "diag/diag.h"

#include <unistd.h>

#define PATH_BYTES (SETTING_TEXT_MAX + 64)

/* Purpose: when to write next, and whether it still makes sense. Lock-free: who moves due_ms on
 * writes. */
static early_data struct {
    _Atomic uint64_t due_ms;
    _Atomic bool has_failed;
} publish;

static void put_to_stderr(void *context, const char *text, size_t length)
{
    (void)context;
    os_write_file(STDERR_FILENO, text, length);
}

/* Purpose: a file on its way. Invariant: is_whole says that all given to it so far is in it. */
struct draft {
    int fd;
    bool is_whole;
};

static void put_to_draft(void *context, const char *text, size_t length)
{
    struct draft *draft = context;
    draft->is_whole = draft->is_whole && os_write_file(draft->fd, text, length);
}

/* Write a new file of this name; false when not all of it is there. */
static bool write_draft(const char *path, const struct snapshot *snapshot)
{
    struct draft draft = {.fd = os_create_public_file(path), .is_whole = true};
    if (draft.fd < 0)
        return false;
    struct writer writer = {.put = put_to_draft, .context = &draft};
    render_metrics(&writer, snapshot, (struct handed_over){g_fb_counts, libc_reason_name});
    writer_flush(&writer);
    os_close_file(draft.fd);
    return draft.is_whole;
}

/* The setting with each %p as the process's number. */
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
    struct snapshot snapshot;
    snapshot_take(&snapshot);
    if (has_stats) {
        struct writer writer = {.put = put_to_stderr};
        writer_add(&writer, "hakmem: [%d] ", (int)getpid());
        render_text(&writer, &snapshot);
        writer_flush(&writer);
    }
    if (settings.metrics[0] && !atomic_load_explicit(&publish.has_failed, memory_order_relaxed))
        write_metrics(&snapshot);
}

static void on_slow_path(void)
{
    uint64_t now = os_now_ms();
    uint64_t due = atomic_load_explicit(&publish.due_ms, memory_order_relaxed);
    if (likely(now < due))
        return;
    uint64_t next = now + (uint64_t)settings.interval_ms;
    /* relaxed: whoever wins writes; nothing else is ordered by it */
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
    if (settings.metrics[0] || settings.stats != WHEN_NEVER)
        write_figures(settings.stats != WHEN_NEVER);
}
