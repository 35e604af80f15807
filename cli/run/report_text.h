/* SPDX-License-Identifier: MIT */
/*
 * The text at the end of `hakmem run`.
 */
#ifndef HAK_CLI_REPORT_TEXT_H
#define HAK_CLI_REPORT_TEXT_H

#include <stdio.h>

#include "run/family.h"

/* Print the text, at most 80 columns wide. */
void report_print(FILE *out, const struct outcome *outcome, const struct family *family,
                  const struct reports *reports);

#endif
