/* SPDX-License-Identifier: MIT */
/*
 * The page of `hakmem run --report` and `hakmem report`: run_page.c has its text and tables,
 * run_processes.c the table of processes, run_plots.c the pictures, run_operations.c what happened
 * in each size class, run_peak.c the first sentence, run_advice.c the other conclusions.
 */
#ifndef HAK_CLI_RUN_REPORT_H
#define HAK_CLI_RUN_REPORT_H

#include "base/text.h"
#include "run/family.h"
#include "run/run_calls.h"

struct run_report {
    char **argv;                   /* NULL: it was not started here, and members[0] has it */
    const struct outcome *outcome; /* of the program; usage alone where it was not started here */
    const struct family *family;
    const struct member *subject;  /* the process that the page is about */
    const struct report *exit;     /* what the library left of it */
    const struct sampler *sampler; /* of it; with no looks where there were none */
    const struct run_calls *calls;
    uint64_t peak_before; /* of a process that was not started here: the peak before the looks */
};

void run_page_print(FILE *out, const struct run_report *report);

/* What `print` writes, with each figure and its unit on one line. */
typedef void run_printer(FILE *out, const struct run_report *report);
void run_print_kept(FILE *out, const struct run_report *report, run_printer *print);

/* A table with its caption, and the cells of its head. */
void run_table_begin(FILE *out, const char *caption, const char *head);
void run_table_end(FILE *out);

/* The section on operations by size class. */
void run_print_operations(FILE *out, const struct run_report *report);

/* What was resident at the peak, and what held it: a paragraph. */
void run_print_peak(FILE *out, const struct run_report *report);

/* The section on the processes, where there were several. */
void run_print_processes(FILE *out, const struct run_report *report);

/* What else stands out, in plain words; at least one line where the heap was seen. */
void run_advise(const struct run_report *report, struct advice *advice);

/* The terms over time, stacked. */
void run_plot_terms(FILE *out, const struct sampler *sampler);
/* Faults a second, threads, and what was given back. */
void run_plot_kernel(FILE *out, const struct sampler *sampler);
/* A bar of parts, each with a term's colour; the shares of the whole length. */
struct bar_part {
    unsigned term;
    double share;
};
void run_print_bar(FILE *out, const struct bar_part *parts, size_t count);
/* The size classes with most resident bytes at the peak. */
void run_plot_classes(FILE *out, const struct sampler *sampler);
/* The address space at the peak. */
void run_plot_map(FILE *out, const struct sampler *sampler);

/* The classes with anything in them and the Huge lane, those with most resident bytes first;
 * returns how many. */
size_t run_order_classes(const struct heap_terms *terms,
                         const struct row_figures *order[CLASS_ACE_LAST + 2]);
/* The size of its blocks, or "Huge". */
struct short_text run_class_name(const struct row_figures *figures);
uint64_t run_resident(const struct row_figures *figures);

#endif
