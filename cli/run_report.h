/* SPDX-License-Identifier: MIT */
/*
 * The page of `hakmem run --report`: run_page.c has its text and tables, run_plots.c its pictures,
 * run_operations.c what happened in each size class, run_advice.c its conclusions.
 */
#ifndef HAK_CLI_RUN_REPORT_H
#define HAK_CLI_RUN_REPORT_H

#include "advice.h"
#include "cli.h"
#include "run_calls.h"
#include "sampler.h"

struct run_report {
    char **argv;
    const struct outcome *outcome;
    const struct report *exit; /* what the library left */
    const struct sampler *sampler;
    const struct run_calls *calls;
};

void run_page_print(FILE *out, const struct run_report *report);

/* A table with its caption, and the cells of its head. */
void run_table_begin(FILE *out, const char *caption, const char *head);
void run_table_end(FILE *out);

/* The section on operations by size class. */
void run_print_operations(FILE *out, const struct run_report *report);

/* What stands out, in plain words; at least one line. */
void run_advise(const struct run_report *report, struct advice *advice);

/* The terms over time, stacked. */
void run_plot_terms(FILE *out, const struct sampler *sampler);
/* Faults a second, threads, and what was given back. */
void run_plot_kernel(FILE *out, const struct sampler *sampler);
/* The size classes with most resident bytes at the peak. */
void run_plot_classes(FILE *out, const struct sampler *sampler);
/* The address space at the peak. */
void run_plot_map(FILE *out, const struct sampler *sampler);

/* The classes with anything in them and the Huge lane, those with most resident bytes first;
 * returns how many. */
size_t run_order_classes(const struct heap_terms *terms,
                         const struct class_terms *order[CLASS_ACE_LAST + 2]);
/* The size of its blocks, or "Huge". */
struct short_text run_class_name(const struct class_terms *figures);
uint64_t run_resident(const struct class_terms *figures);

#endif
