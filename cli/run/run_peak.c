/* SPDX-License-Identifier: MIT */
/*
 * The first paragraph of the page: how much was resident at the peak, and what it was used for. The
 * kernel misses no peak, but does not say what it was used for. A look says that, but may miss the
 * peak. If both agree they are told as one, else separately.
 */
#include <inttypes.h>

#include "base/html.h"
#include "run/run_report.h"

/* The kernel's figure and that of a look count as the same if they differ by no more than this: the
 * kernel counts on each processor. */
#define SAME_BYTES ((uint64_t)512 << 10)
#define SAME_PART 64

static bool is_same(uint64_t a, uint64_t b)
{
    uint64_t more = a > b ? a : b;
    uint64_t less = a > b ? b : a;
    return more - less <= SAME_BYTES + more / SAME_PART;
}

/* Print what the memory of the largest look was used for; the parts add up. */
static void print_holders(FILE *out, const struct peak *peak)
{
    uint64_t others = peak->terms.others;
    fprintf(out,
            "%s in blocks that the program held, %s outside the heap (code, stacks, files), %s "
            "that the allocator kept for later or for itself",
            text_of_size(peak->live).bytes, text_of_size(others).bytes,
            text_of_size(peak->look.rss - peak->live - others).bytes);
}

static void print_moment(FILE *out, const struct run_report *report)
{
    const struct look *look = &report->sampler->peak.look;
    if (look->is_at_exit)
        fputs("at its exit", out);
    else
        fprintf(out, "%.1f s after the start%s", look->at, report->argv ? "" : " of the looks");
}

static void print_whose(FILE *out, const struct run_report *report)
{
    if (report->family->count < 2)
        return;
    fprintf(out, " in process %d, ", (int)report->subject->pid);
    html_code(out, report->subject->command, 48);
}

static void print_found(FILE *out, const struct run_report *report, uint64_t kernel)
{
    const struct peak *peak = &report->sampler->peak;
    fputs("At the peak, ", out);
    print_moment(out, report);
    fprintf(out, ", %s was resident", text_of_size(peak->look.rss).bytes);
    print_whose(out, report);
    fputs(": ", out);
    print_holders(out, peak);
    if (kernel)
        fprintf(out, ". The kernel's own count of the peak is %s", text_of_size(kernel).bytes);
    fputc('.', out);
}

static void print_missed(FILE *out, const struct run_report *report, uint64_t kernel)
{
    const struct peak *peak = &report->sampler->peak;
    fprintf(out, "At the peak, %s was resident%s", text_of_size(kernel).bytes,
            report->subject->is_peak_final || report->family->count < 2 ? "" : " or more");
    print_whose(out, report);
    fprintf(out, ", as the kernel counts, and no look fell on it. The largest look, ");
    print_moment(out, report);
    fprintf(out, ", saw %s: ", text_of_size(peak->look.rss).bytes);
    print_holders(out, peak);
    fprintf(out,
            ". It is not known what the other %s was used for; all figures for the peak below are "
            "from that look.",
            text_of_size(kernel - peak->look.rss).bytes);
}

static void print_unseen(FILE *out, const struct run_report *report, uint64_t kernel)
{
    const struct member *subject = report->subject;
    fprintf(out, "At the peak, %s was resident", text_of_size(kernel).bytes);
    print_whose(out, report);
    fputs(", as the kernel counts. Its heap was never seen: ", out);
    html_text(out,
              report->sampler->error[0] ? report->sampler->error : "it was too short for a look");
    fputc('.', out);
    if (subject->has_end && subject->blocks_end > 0)
        fprintf(out, " At its exit it held %s in %" PRIu64 " block%s.",
                text_of_size(subject->live_end).bytes, subject->blocks_end,
                subject->blocks_end == 1 ? "" : "s");
}

void run_print_peak(FILE *out, const struct run_report *report)
{
    const struct sampler *sampler = report->sampler;
    uint64_t kernel = report->subject->peak;
    uint64_t seen = sampler->made ? sampler->peak.look.rss : 0;
    /* a peak before the looks says nothing about them */
    if (!report->argv && kernel <= report->peak_before)
        kernel = 0;
    fputs("<p class=\"answer\">", out);
    if (sampler->made == 0)
        print_unseen(out, report, kernel);
    else if (kernel <= seen || is_same(kernel, seen))
        print_found(out, report, kernel);
    else
        print_missed(out, report, kernel);
    fputs("</p>\n", out);
}
