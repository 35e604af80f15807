/* SPDX-License-Identifier: MIT */
/*
 * The page of `hakmem run --report` and `hakmem report`: what ran, the conclusions, and the
 * figures.
 */
#include <inttypes.h>
#include <string.h>
#include <sys/wait.h>

#include "base/html.h"
#include "run/run_report.h"
#include "run/stack_growth.h"
#include "settings/settings.h"
#include "sites/flame_page.h"

#define ROWS_MOST 16

static const char style[] =
    "<style>\n"
    ".chart { display: grid; grid-template-columns: 1fr max-content; gap: 0.2rem 0.5rem; }\n"
    ".chart svg { height: 6.5rem; } .chart.tall svg { height: clamp(11rem, 40vw, 20rem); }\n"
    ".chart .y, .chart .x { position: relative; font-size: 0.75rem; line-height: 1;\n"
    "  color: var(--muted); } .chart .y { min-width: 4.2rem; } .chart .x { height: 1rem; }\n"
    ".chart span { position: absolute; white-space: nowrap; }\n"
    ".chart .y span { transform: translateY(-50%); }\n"
    ".chart .x span { transform: translateX(-50%); }\n"
    ".chart .x span:first-child { transform: none; }\n"
    ".grid { fill: none; stroke: var(--ink); stroke-opacity: 0.18; }\n"

    ".grid, .line { vector-effect: non-scaling-stroke; }\n"
    ".line { fill: none; stroke: var(--ink); stroke-width: 1.5; }\n"
    ".area { fill: var(--ours); fill-opacity: 0.75; }\n"
    ".bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.35rem\n"
    "  0.75rem; align-items: center; max-width: 46rem; font-size: 0.8125rem; line-height: 1; }\n"
    ".bars span { text-align: right; } .bars svg { height: 0.9rem; }\n"
    ".pair { display: grid; gap: 1px; } .pair svg { height: 0.5rem; }\n"
    ".tiles { display: grid; gap: 10px;\n"
    "  grid-template-columns: repeat(auto-fill, minmax(94px, 1fr)); }\n"
    "figure.tile, figure.tile + figure.tile { padding: 0; margin: 0; border: 0;\n"
    "  border-radius: 0; background: none; } .tile figcaption { margin: 0.3rem 0 0;\n"
    "  font-size: 0.75rem; line-height: 1.3; }\n"
    ".many svg { box-shadow: 2px 2px 0 var(--paper), 3px 3px 0 var(--muted),\n"
    "  5px 5px 0 var(--paper), 6px 6px 0 var(--muted); width: calc(100% - 6px); }\n"
    ".many figcaption { margin-top: 0.6rem; }\n"
    ".t0, .m1 { --c: var(--c0); } .t1 { --c: var(--c1); } .t2, .m0 { --c: var(--c2); }\n"
    ".t3 { --c: var(--c3); } .t4, .m3 { --c: var(--c4); } .t5, .m4 { --c: var(--c5); }\n"
    ".t6, .m2 { --c: var(--c6); } .t7 { --c: var(--c7); } .m5 { --c: var(--c8); }\n"
    ".m6 { --c: var(--empty); }\n"
    "path[class^=t], rect[class^=t], rect[class^=m] { fill: var(--c); }\n"
    "i[class] { background: var(--c); }\n"
    "rect.hollow { fill: none; stroke: var(--c); stroke-width: 1.6; }\n"
    "i.hollow { background: none; border: 2px solid var(--c); }\n"
    ".s0, .s5 { --c: var(--c0); } .s1, .s6 { --c: var(--c4); } .s2, .s7 { --c: var(--c2); }\n"
    ".s3, .s8 { --c: var(--c6); } .s4, .s9 { --c: var(--c8); }\n"
    "path[class^=s] { fill: none; stroke: var(--c); stroke-width: 2;\n"
    "  vector-effect: non-scaling-stroke; } .s5, .s6, .s7, .s8, .s9 { stroke-dasharray: 5 3; }\n"
    ".grown { display: block; } .grown i.s5, .grown i.s6, .grown i.s7, .grown i.s8,\n"
    ".grown i.s9 { background: repeating-linear-gradient(90deg, var(--c) 0 3px,\n"
    "  transparent 3px 5px); } .grown small { color: var(--muted); }\n"
    ".back { fill: none; stroke: var(--rule); }\n"
    "td.text, th.text { text-align: left; }\n"
    "</style>\n";

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

/* ---- The head ---- */

static void print_end(FILE *out, const struct run_report *report)
{
    const struct outcome *outcome = report->outcome;
    fputs("<dt>Ended</dt><dd>", out);
    if (!report->argv)
        fputs(report->subject->has_ended ? "while it was looked at" : "no, it runs on", out);
    else if (WIFSIGNALED(outcome->status))
        fprintf(out, "killed by signal %d (%s)", WTERMSIG(outcome->status),
                strsignal(WTERMSIG(outcome->status)));
    else
        fprintf(out, "exit status %d", WEXITSTATUS(outcome->status));
    fputs("</dd>\n", out);
}

static void print_usage(FILE *out, const struct run_report *report)
{
    const struct outcome *outcome = report->outcome;
    const struct rusage *usage = &outcome->usage;
    fprintf(out,
            "<dt>%s</dt><dd>%.3f s; %.3f s of CPU in the program, %.3f s in the kernel "
            "(system calls and page faults)</dd>\n"
            "<dt>Peak RSS</dt><dd>%s%s</dd>\n<dt>Faults</dt><dd>%ld page faults; %ld of them read "
            "from a file or swap</dd>\n",
            report->argv ? "Time" : "Looked at for", outcome->wall_seconds,
            seconds_of(usage->ru_utime), seconds_of(usage->ru_stime),
            text_of_size(report->subject->peak).bytes, report->argv ? "" : " since its start",
            usage->ru_minflt + usage->ru_majflt, usage->ru_majflt);
}

static void print_head(FILE *out, const struct run_report *report)
{
    html_begin(out, "A program's memory");
    fprintf(out, "%s<dl>\n<dt>Command</dt><dd><code>", style);
    if (report->argv)
        html_command(out, report->argv);
    else
        html_text(out, report->subject->command);
    fputs("</code></dd>\n", out);
    if (!report->argv)
        fprintf(out, "<dt>Process</dt><dd>%d, which was not started for this</dd>\n",
                (int)report->subject->pid);
    print_end(out, report);
    run_print_kept(out, report, print_usage);
    fprintf(out, "<dt>Looks</dt><dd>%zu at its heap, from outside</dd>\n", report->sampler->made);
    html_end_header(out);
}

static void print_advice(FILE *out, const struct run_report *report)
{
    struct advice advice;
    run_advise(report, &advice);
    fputs("<section id=\"advice\"><h2>What stands out</h2>\n", out);
    run_print_kept(out, report, run_print_peak);
    for (size_t i = 0; i < advice.count; i++) {
        fputs("<p>", out);
        html_prose(out, advice.lines[i]);
        fputs("</p>\n", out);
    }
    fputs("</section>\n", out);
}

/* ---- Tables ---- */

static void print_terms(FILE *out, const struct sampler *sampler)
{
    const struct peak *peak = &sampler->peak;
    struct term rows[TERM_COUNT];
    double rss = (double)peak->look.rss;
    stats_terms(&peak->terms, rows);
    run_table_begin(out, "The terms at the peak",
                    "<th scope=\"col\">term</th><th scope=\"col\">bytes</th>"
                    "<th scope=\"col\">of the RSS</th><th scope=\"col\">at the last look</th>");
    for (size_t i = 0; i < TERM_COUNT; i++)
        fprintf(out, "<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td></tr>\n",
                rows[i].label, text_of_size(rows[i].bytes).bytes,
                text_of_percent((double)rows[i].bytes, rss).bytes,
                text_of_size(sampler->last.terms[i]).bytes);
    fprintf(out,
            "<tr><th scope=\"row\"><b>RSS</b></th><td><b>%s</b></td><td></td><td>%s</td></tr>\n",
            text_of_size(peak->look.rss).bytes, text_of_size(sampler->last.rss).bytes);
    run_table_end(out);
    fputs("<p class=\"note\">Bytes are resident bytes, here and in the tables below: of a block, "
          "only the pages that are present count. The sizes that the program asked for are not "
          "recorded; a block is as large as its size class.</p>\n",
          out);
}

static void print_classes(FILE *out, const struct sampler *sampler)
{
    const struct row_figures *order[CLASS_ACE_LAST + 2];
    size_t count = run_order_classes(&sampler->peak.terms, order);
    run_table_begin(out, "Size classes at the peak: resident bytes",
                    "<th scope=\"col\">block size</th><th scope=\"col\">live blocks</th>"
                    "<th scope=\"col\">live</th>"
                    "<th scope=\"col\">cached</th><th scope=\"col\">free</th>");
    for (size_t i = 0; i < count && i < ROWS_MOST; i++) {
        const struct row_figures *row = order[i];
        fprintf(out,
                "<tr><th scope=\"row\">%s</th><td>%" PRIu64 "</td><td>%s</td><td>%s</td>"
                "<td>%s</td></tr>\n",
                run_class_name(row).bytes, row->blocks[BLOCK_LIVE],
                text_of_size(row->bytes[BLOCK_LIVE]).bytes,
                text_of_size(row->bytes[BLOCK_IN_THREAD] + row->bytes[BLOCK_IN_DEPOT]).bytes,
                text_of_size(row->bytes[BLOCK_FREE]).bytes);
    }
    run_table_end(out);
    if (count > ROWS_MOST)
        fprintf(out, "<p class=\"note\">and %zu with less</p>\n", count - ROWS_MOST);
}

/* Print the threads with the largest caches: takes the largest again and again. */
static void print_threads(FILE *out, const struct peak *peak)
{
    bool is_done[4096] = {false};
    size_t count = peak->thread_count < 4096 ? peak->thread_count : 4096;
    run_table_begin(out, "Threads with a cache at the peak",
                    "<th scope=\"col\">thread</th><th scope=\"col\">name</th>"
                    "<th scope=\"col\">cached blocks</th><th scope=\"col\">bytes</th>"
                    "<th scope=\"col\">may hold</th>");
    for (size_t row = 0; row < count && row < ROWS_MOST; row++) {
        size_t most = count;
        for (size_t i = 0; i < count; i++)
            if (!is_done[i] &&
                (most == count || peak->threads[i].bytes > peak->threads[most].bytes))
                most = i;
        const struct thread_view *thread = &peak->threads[most];
        is_done[most] = true;
        fprintf(out, "<tr><th scope=\"row\">%" PRIu32 "</th><td>", thread->thread_id);
        html_text(out, thread->name);
        fprintf(out, "</td><td>%" PRIu64 "</td><td>%s</td><td>%s</td></tr>\n", thread->blocks,
                text_of_size(thread->bytes).bytes, text_of_size(thread->granted).bytes);
    }
    run_table_end(out);
    if (peak->thread_count > ROWS_MOST)
        fprintf(out, "<p class=\"note\">and %zu more</p>\n", peak->thread_count - ROWS_MOST);
}

/* Print the figures at exit if the program has reported them, else those of the last look. */
static void print_libc(FILE *out, const struct run_report *report)
{
    static const char *const reasons[HAK_FB_COUNT] = {
        "HAKMEM_FORCE_LIBC_ALLOC is set", "free of a block that libc gave out",
        "realloc of such a block", "malloc_usable_size of such a block",
        "call inside the allocator: during its start, or by a signal handler"};
    bool is_exit = report->exit->state == REPORT_COMPLETE;
    run_table_begin(out, is_exit ? "Calls handed to libc" : "Calls handed to libc by the last look",
                    "<th scope=\"col\">reason</th><th scope=\"col\">calls</th>");
    for (unsigned i = 0; i < HAK_FB_COUNT; i++)
        fprintf(out, "<tr><th scope=\"row\">%s</th><td>%" PRIu64 "</td></tr>\n", reasons[i],
                is_exit ? report->exit->libc_calls[i] : report->sampler->fb_counts[i]);
    run_table_end(out);
}

static void print_settings(FILE *out, const struct run_report *report)
{
    const struct settings *of = &report->sampler->settings;
    char text[SETTING_TEXT_MAX];
    run_table_begin(out, "Settings in force",
                    "<th scope=\"col\">setting</th><th scope=\"col\">value</th>");
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const struct setting_row *row = &setting_rows[i];
        /* these are set by this command */
        if (strcmp(row->name, "REPORT") == 0 || strcmp(row->name, "LIBRARY") == 0 ||
            (report->is_profiled && strcmp(row->name, "PROFILE") == 0))
            continue;
        bool is_default = settings_value(of, row, text, sizeof text);
        fprintf(out, "<tr><th scope=\"row\">" SETTING_PREFIX "%s</th><td%s>", row->name,
                is_default ? "" : " class=\"best\"");
        html_text(out, text);
        fputs("</td></tr>\n", out);
    }
    run_table_end(out);
}

/* ---- The page ---- */

/* Write the section about stacks. A program that has ended holds little then, so the peak is shown
 * first. */
static void print_stacks(FILE *out, const struct run_report *report)
{
    const struct stack_looks *looks = &report->sampler->stacks;
    if (looks->has_profile) {
        flame_section(out, &looks->profile, report->subject->has_ended ? FIGURE_PEAK : FIGURE_LIVE);
        return;
    }
    fputs("<section id=\"stacks\"><h2>Who asked for it</h2>\n<p class=\"note\">Not known: ", out);
    html_text(out, looks->error[0] ? looks->error : "its profile was never seen");
    fputs("</p>\n</section>\n", out);
}

static void print_heap(FILE *out, const struct run_report *report)
{
    const struct sampler *sampler = report->sampler;
    fputs("<section id=\"time\"><h2>Over time</h2>\n", out);
    run_plot_terms(out, sampler);
    stack_growth_plot(out, &sampler->stacks, sampler->last.at);
    run_plot_kernel(out, sampler);
    fprintf(out, "</section>\n<section id=\"peak\"><h2>At the peak</h2>\n");
    print_terms(out, sampler);
    run_plot_classes(out, sampler);
    print_classes(out, sampler);
    fputs("</section>\n<section id=\"map\"><h2>The heap's addresses at the peak</h2>\n", out);
    run_plot_map(out, sampler);
    fputs("</section>\n<section id=\"threads\"><h2>Threads</h2>\n", out);
    print_threads(out, &sampler->peak);
    fputs("</section>\n", out);
}

void run_page_print(FILE *out, const struct run_report *report)
{
    print_head(out, report);
    print_advice(out, report);
    run_print_processes(out, report);
    print_stacks(out, report);
    if (report->sampler->made)
        print_heap(out, report);
    if (report->sampler->made || report->calls->shared)
        run_print_operations(out, report);
    fputs("<section id=\"rest\"><h2>Libc and settings</h2>\n", out);
    print_libc(out, report);
    if (report->sampler->made)
        print_settings(out, report);
    fputs("</section>\n", out);
    html_end(out);
}
