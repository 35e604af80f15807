/* SPDX-License-Identifier: MIT */
/*
 * The metrics of all processes as one text.
 */
#ifndef HAK_CLI_METRICS_H
#define HAK_CLI_METRICS_H

#include "serve/collection.h"

struct metrics_form {
    bool is_open;     /* OpenMetrics, else the older text format of Prometheus */
    bool has_classes; /* also the figures of each size class: some hundred lines a process */
};
void metrics_write(FILE *out, const struct collection *collection, const struct metrics_form *form);

#endif
