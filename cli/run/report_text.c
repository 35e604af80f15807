/* SPDX-License-Identifier: MIT */
/*
 * The text at the end of `hakmem run`: the program, the kernel's figures, a table of the processes
 * if there were several, and the heap of the one with the largest peak, from the report at its
 * exit.
 */
#include "run/report_text.h"

#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "base/message.h"
#include "base/text.h"
#include "hakmem/hakmem.h"
#include "look/stats_terms.h"
#include "program/loader.h"

/* ---- Values as text ---- */

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static struct short_text text_of_seconds(double seconds)
{
    struct short_text text;
    snprintf(text.bytes, sizeof text.bytes, "%.*f s", seconds < 99.9995 ? 3 : 1, seconds);
    return text;
}

/* ---- Printing: a label of 9 columns, then the text ---- */

#define LABEL "%-9s "

/* Print text from outside, cut to `limit` columns and made printable. */
static void print_name(FILE *out, const char *name, int limit)
{
    for (int i = 0; name[i]; i++) {
        if (i == limit - 3 && strlen(name + i) > 3) {
            fputs("...", out);
            return;
        }
        unsigned char byte = (unsigned char)name[i];
        fputc(byte < ' ' || byte >= 0x7f ? '?' : byte, out);
    }
}

static void print_status(FILE *out, int status)
{
    if (!WIFSIGNALED(status)) {
        fprintf(out, LABEL "exit status %d\n", "ended", WEXITSTATUS(status));
        return;
    }
    int number = WTERMSIG(status);
    const char *name = sigabbrev_np(number);
    if (name)
        fprintf(out, LABEL "killed by SIG%s (%s)", "ended", name, sigdescr_np(number));
    else
        fprintf(out, LABEL "killed by signal %d", "ended", number);
    fprintf(out, "%s; status %d\n", WCOREDUMP(status) ? ", core dumped" : "",
            EXIT_SIGNAL_BASE + number);
}

static void print_program(FILE *out, const struct outcome *outcome, const struct report *report)
{
    const char *slash = strrchr(outcome->program, '/');
    const char *name = slash ? slash + 1 : outcome->program;
    fprintf(out, LABEL, "program");
    print_name(out, outcome->program, 30);
    fprintf(out, ", pid %d", (int)outcome->pid);
    /* the kernel keeps 15 bytes of a name */
    if (report->state == REPORT_COMPLETE && strncmp(name, report->program, 15) != 0) {
        fputs(", ended as ", out);
        print_name(out, report->program, 15);
    }
    fputc('\n', out);
    print_status(out, outcome->status);
}

/* Print the peak of the process that the figures are about. */
static void print_peak(FILE *out, const struct family *family, const struct report *report)
{
    const struct member *main = family_main(family);
    fprintf(out, LABEL "%s peak", "RSS", text_of_size(main->peak).bytes);
    if (report->state == REPORT_COMPLETE)
        fprintf(out, ", %s at exit", text_of_size(report->figures.rss).bytes);
    if (family->count > 1)
        fprintf(out, ", of process %d", (int)main->pid);
    fputc('\n', out);
}

static void print_kernel(FILE *out, const struct outcome *outcome, const struct family *family,
                         const struct report *report)
{
    const struct rusage *usage = &outcome->usage;
    double user = seconds_of(usage->ru_utime);
    double system = seconds_of(usage->ru_stime);
    fprintf(out, LABEL "%s wall; CPU: %s in the program,\n" LABEL "%s in the kernel", "time",
            text_of_seconds(outcome->wall_seconds).bytes, text_of_seconds(user).bytes, "",
            text_of_seconds(system).bytes);
    fputs(" (system calls, page faults)\n", out);
    print_peak(out, family, report);
    fprintf(out, LABEL "%ld minor, %ld major\n", "faults", usage->ru_minflt, usage->ru_majflt);
}

static void print_lanes(FILE *out, const struct report *report)
{
    double all = (double)report_live_bytes(report);
    fprintf(out, LABEL "%12s %12s %8s %12s %12s\n", "lane", "live", "blocks", "share", "cached",
            "free");
    for (unsigned lane = 0; lane < HAK_LANE_COUNT; lane++) {
        const struct report_lane *row = &report->lanes[lane];
        fprintf(out, "  %-7s %12s %12" PRIu64 " %8s %12s %12s\n", lane_titles[lane],
                text_of_size(row->live_bytes).bytes, row->live_blocks,
                text_of_percent((double)row->live_bytes, all).bytes,
                text_of_size(row->cached_bytes).bytes, text_of_size(row->free_bytes).bytes);
    }
    fputs("  (live, cached and free are addresses: free ones may have no pages)\n", out);
}

/* Print where the RSS was, in the terms of `hakmem stats`. It is known if a look came while the
 * process waited for it at its exit. */
static void print_resident(FILE *out, const struct sampler *sampler)
{
    const struct look *last = sampler ? &sampler->last : NULL;
    static const struct heap_terms none;
    struct term rows[TERM_COUNT];
    if (!last || !last->is_at_exit)
        return;
    stats_terms(&none, rows); /* for their labels */
    fprintf(out, LABEL "%s at exit, by the last look\n", "resident", text_of_size(last->rss).bytes);
    for (size_t i = 0; i < TERM_COUNT; i++)
        fprintf(out, "%c %-28s %12s %8s\n", i ? '+' : '=', rows[i].label,
                text_of_size(last->terms[i]).bytes,
                text_of_percent((double)last->terms[i], (double)last->rss).bytes);
}

/* Print the figures that the library knows by itself: addresses, with or without pages. */
static void print_addresses(FILE *out, const struct figures *figures)
{
    fprintf(out, LABEL "%s in use, of %s reserved; only pages take memory\n", "addresses",
            text_of_size(figures->mapped).bytes, text_of_size(figures->reserved).bytes);
    fprintf(out, LABEL "%s of them in free slabs, which may have pages\n", "",
            text_of_size(figures->warm).bytes);
    fprintf(out, LABEL "%s in use, in the pages of metadata\n", "records",
            text_of_size(figures->metadata).bytes);
}

static void print_heap(FILE *out, const struct report *report, const struct sampler *sampler)
{
    const struct figures *figures = &report->figures;
    uint64_t live = report_live_bytes(report);
    uint64_t blocks = report_live_blocks(report);
    fprintf(out, LABEL "%s (%" PRIu64 " bytes) in %" PRIu64 " block%s at exit\n", "live",
            text_of_size(live).bytes, live, blocks, blocks == 1 ? "" : "s");
    print_resident(out, sampler);
    print_addresses(out, figures);
    fprintf(out, LABEL "%s given back to the kernel\n", "purged",
            text_of_size(figures->purged).bytes);
    fprintf(out, LABEL "%" PRIu64 " with a cache at exit\n", "threads", figures->threads);
    print_lanes(out, report);
}

/* Print the sum, and a line for each reason that occurred. */
static void print_hand_overs(FILE *out, const struct report *report)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < HAK_FB_COUNT; i++)
        sum += report->libc_calls[i];
    fprintf(out, LABEL "%" PRIu64 " call%s handed over\n", "libc", sum, sum == 1 ? "" : "s");
    for (unsigned i = 0; i < HAK_FB_COUNT; i++)
        if (report->libc_calls[i] > 0)
            fprintf(out, "  %-15s %12" PRIu64 "\n", libc_reason_names[i], report->libc_calls[i]);
}

/* ---- The processes ---- */

#define ROWS_MOST 12
#define COLUMNS 80

static void print_member(FILE *out, const struct member *member)
{
    char live[24] = "-";
    char blocks[24] = "-";
    if (member->has_end) {
        snprintf(live, sizeof live, "%s", text_of_size(member->live_end).bytes);
        snprintf(blocks, sizeof blocks, "%" PRIu64, member->blocks_end);
    }
    int used = fprintf(out, "%9d %12s %12s %10s  ", (int)member->pid,
                       text_of_size(member->peak).bytes, live, blocks);
    print_name(out, member->command, COLUMNS - used);
    fputc('\n', out);
}

/* Print the memory of the family at one moment. If no look was at the peak of the largest process,
 * that peak alone can be more. */
static void print_sum(FILE *out, const struct family *family)
{
    const struct member *largest;
    struct short_text rss = text_of_size(family->sum.rss);
    struct short_text pss = text_of_size(family->sum.pss);
    family_order(family, &largest, 1);
    if (largest->peak > family->sum.rss) {
        fprintf(out, LABEL "at least %s of RSS: the peak of process %d alone\n", "together",
                text_of_size(largest->peak).bytes, (int)largest->pid);
        if (family->sum.pss > 0)
            fprintf(out, LABEL "the looks saw at most %s of RSS, %s of PSS\n", "", rss.bytes,
                    pss.bytes);
        return;
    }
    fprintf(out, LABEL "%s of RSS (a page that several share counts for each)", "together",
            rss.bytes);
    if (family->sum.pss > 0)
        fprintf(out, ",\n" LABEL "%s of PSS (it counts once), when the RSS was largest", "",
                pss.bytes);
    fputc('\n', out);
}

static void print_processes(FILE *out, const struct family *family)
{
    const struct member *order[ROWS_MOST];
    size_t count = family_order(family, order, ROWS_MOST);
    size_t all = family->count;
    if (family->count < 2)
        return;
    fprintf(out, LABEL "%zu; the looks saw at most %zu at a time\n", "processes", all,
            family->most_at_a_time);
    print_sum(out, family);
    fprintf(out, "%9s %12s %12s %10s  %s\n", "PID", "peak RSS", "live at exit", "blocks",
            "command");
    for (size_t i = 0; i < count; i++)
        print_member(out, order[i]);
    if (all > count)
        fprintf(out, "%9s %zu more, with %s or less each\n", "and", all - count,
                text_of_size(order[count - 1]->peak).bytes);
}

static void print_reason(FILE *out, const char *program, bool has_page)
{
    const char *reason = program ? loader_explain(program) : NULL;
    if (reason && loader_is_linked(program)) {
        fprintf(out,
                LABEL "none: it is statically linked with HAKMEM, and then leaves none;\n" LABEL
                      "its heap: %s\n",
                "report", "",
                has_page ? "see the page" : "hakmem run --report, or hakmem stats while it runs");
        return;
    }
    fprintf(out, LABEL "none: %s\n", "report",
            reason ? reason : "it ended by _exit, or executed a program without the library");
}

/* Print why a process has left no complete report. */
static void print_no_report(FILE *out, const struct outcome *outcome, const struct member *main,
                            const struct report *report, bool has_page)
{
    if (report->state == REPORT_INCOMPLETE)
        fprintf(out, LABEL "incomplete: the program ended while it wrote it\n", "report");
    else if (!main->has_ended && main->pid != outcome->pid)
        fprintf(out, LABEL "none: process %d still runs\n", "report", (int)main->pid);
    else if (WIFSIGNALED(outcome->status) && main->pid == outcome->pid)
        fprintf(out, LABEL "none: killed before it could write one\n", "report");
    else
        print_reason(out, main->pid == outcome->pid ? outcome->program : NULL, has_page);
}

void report_print(FILE *out, const struct outcome *outcome, const struct family *family,
                  const struct reports *reports)
{
    const struct member *main = family_main(family);
    const struct report *report = reports_find(reports, main->pid);
    bool complete = report->state == REPORT_COMPLETE;
    fputs("==== hakmem ", out);
    print_name(out, complete ? report->version : HAKMEM_VERSION_STRING, 15);
    fputs(" ====\n", out);
    print_program(out, outcome, reports_find(reports, outcome->pid));
    print_kernel(out, outcome, family, report);
    print_processes(out, family);
    if (complete) {
        print_heap(out, report, main->sampler);
        print_hand_overs(out, report);
    } else {
        print_no_report(out, outcome, main, report, family->is_watched);
    }
}
