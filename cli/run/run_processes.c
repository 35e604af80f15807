/* SPDX-License-Identifier: MIT */
/*
 * The table of processes on the page, if there were several: each with its peak and the content of
 * its heap, and the sums.
 */
#include <inttypes.h>

#include "base/html.h"
#include "run/run_report.h"

#define ROWS_MOST 24

/* Print which process the page is about, and why. */
static void print_subject(FILE *out, const struct run_report *report)
{
    const struct family *family = report->family;
    fprintf(out, "<p>The rest of this page is about process %d, ", (int)report->subject->pid);
    html_code(out, report->subject->command, 48);
    if (!report->argv)
        fputs(", which you asked for.</p>\n", out);
    else if (report->subject == &family->members[0])
        fputs(": the program itself, and no other had a larger peak.</p>\n", out);
    else
        fputs(": of all, it had the largest peak.</p>\n", out);
}

static void print_sum(FILE *out, const struct run_report *report)
{
    const struct family *family = report->family;
    fprintf(out, "<p>There were %zu processes or more; the looks saw at most %zu at a time.",
            family->count, family->most_at_a_time);
    if (family->sum.pss > 0)
        fprintf(out,
                " When the looks saw most memory, %zu of them had %s of RSS together, where a page "
                "that several share counts for each, and %s of PSS, where it counts once.",
                family->sum.count, text_of_size(family->sum.rss).bytes,
                text_of_size(family->sum.pss).bytes);
    fputs("</p>\n", out);
}

static void print_row(FILE *out, const struct member *member, bool is_subject)
{
    const struct sampler *sampler = member->sampler;
    fprintf(out, "<tr><th scope=\"row\">%s%d%s</th><td>%s</td>", is_subject ? "<b>" : "",
            (int)member->pid, is_subject ? "</b>" : "", text_of_size(member->peak).bytes);
    if (sampler && sampler->made)
        fprintf(out, "<td>%s</td>", text_of_size(sampler->peak.live).bytes);
    else
        fputs("<td>-</td>", out);
    if (member->has_end)
        fprintf(out, "<td>%s</td><td>%" PRIu64 "</td>", text_of_size(member->live_end).bytes,
                member->blocks_end);
    else
        fprintf(out, "<td>%s</td><td>-</td>", member->has_ended ? "-" : "runs on");
    fputs("<td class=\"text\">", out);
    html_code(out, member->command, 80);
    fputs("</td></tr>\n", out);
}

void run_print_processes(FILE *out, const struct run_report *report)
{
    const struct family *family = report->family;
    const struct member *order[ROWS_MOST];
    size_t count = family_order(family, order, ROWS_MOST);
    if (family->count < 2)
        return;
    fputs("<section id=\"processes\"><h2>Processes</h2>\n", out);
    print_subject(out, report);
    run_print_kept(out, report, print_sum);
    run_table_begin(out, "Processes by their peaks",
                    "<th scope=\"col\">process</th><th scope=\"col\">peak RSS</th>"
                    "<th scope=\"col\">live at the peak</th><th scope=\"col\">live at exit</th>"
                    "<th scope=\"col\">blocks at exit</th>"
                    "<th scope=\"col\" class=\"text\">command</th>");
    for (size_t i = 0; i < count; i++)
        print_row(out, order[i], order[i] == report->subject);
    run_table_end(out);
    if (family->count > count)
        fprintf(out, "<p class=\"note\">and %zu more, with %s or less each</p>\n",
                family->count - count, text_of_size(order[count - 1]->peak).bytes);
    fputs("<p class=\"note\">-: not known. The figures at exit come from the process itself; there "
          "are "
          "none if it was killed, ended by _exit, or does not use HAKMEM. A process with a shorter "
          "life than a look takes is shown only if it left these figures.</p>\n",
          out);
    if (family_has_unseen(family))
        fprintf(out,
                "<p class=\"failed\">A process that is not in the table had a peak of %s.</p>\n",
                text_of_size(family->largest).bytes);
    fputs("</section>\n", out);
}
