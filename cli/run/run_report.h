/* SPDX-License-Identifier: MIT */
/*
 * The page of `hakmem run --report` and `hakmem report`. run_page.c has its text and tables,
 * run_processes.c the table of processes, run_plots.c the charts, run_operations.c the operations
 * by size class, run_peak.c the first sentence, run_advice.c the other conclusions.
 */
#ifndef HAK_CLI_RUN_REPORT_H
#define HAK_CLI_RUN_REPORT_H

#include "base/text.h"
#include "run/family.h"
#include "run/run_calls.h"

struct run_report {
    char **argv; /* NULL: we did not start it, and members[0] has its command line */
    const struct outcome *outcome; /* of the program; only its usage if we did not start it */
    const struct family *family;
    const struct member *subject;  /* the process that the page is about */
    const struct report *exit;     /* the report that the library has left */
    const struct sampler *sampler; /* its looks; none if there were none */
    const struct run_calls *calls;
    bool is_profiled;     /* we have switched profiling on */
    uint64_t peak_before; /* if we did not start the process: its peak before the looks */
};

void run_page_print(FILE *out, const struct run_report *report);

/* Print what `print` writes, but keep each figure and its unit on one line. */
typedef void run_printer(FILE *out, const struct run_report *report);
void run_print_kept(FILE *out, const struct run_report *report, run_printer *print);

/* Begin a table with its caption; the cells of its head. */
void run_table_begin(FILE *out, const char *caption, const char *head);
void run_table_end(FILE *out);

/* The section on operations by size class. */
void run_print_operations(FILE *out, const struct run_report *report);

/* A paragraph: how much was resident at the peak, and what it was used for. */
void run_print_peak(FILE *out, const struct run_report *report);

/* The section on the processes, if there were several. */
void run_print_processes(FILE *out, const struct run_report *report);

/* The other conclusions in plain words; at least one line if the heap was seen. */
void run_advise(const struct run_report *report, struct advice *advice);

/* The terms over time, stacked. */
void run_plot_terms(FILE *out, const struct sampler *sampler);
/* Faults per second, threads, and memory given back. */
void run_plot_kernel(FILE *out, const struct sampler *sampler);
/* A part of a bar, in the color of a term; `share` is its part of the whole length. */
struct bar_part {
    unsigned term;
    double share;
};
void run_print_bar(FILE *out, const struct bar_part *parts, size_t count);
/* The size classes with most resident bytes at the peak. */
void run_plot_classes(FILE *out, const struct sampler *sampler);
/* The address space at the peak. */
void run_plot_map(FILE *out, const struct sampler *sampler);

/* Sort the classes that are not empty, and the Huge lane, by resident bytes. Returns their
 * number. */
size_t run_order_classes(const struct heap_terms *terms,
                         const struct row_figures *order[CLASS_ACE_LAST + 2]);
/* The name of a class: the size of its blocks, or "Huge". */
struct short_text run_class_name(const struct row_figures *figures);
uint64_t run_resident(const struct row_figures *figures);

#endif
