/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets of the command's parts share. Stand-ins for base/message.c, which is not
 * linked: that the command would end in the middle of something is a fault here, it is out of
 * memory or gives up. And options for libFuzzer, which would begin with inputs too short for one
 * act.
 */
#ifndef TESTS_FUZZ_STAND_INS_H
#define TESTS_FUZZ_STAND_INS_H

#include <stdio.h>
#include <stdlib.h>

#include "base/message.h"

int cli_fail(int status, const char *format, ...)
{
    fprintf(stderr, "cli_fail(%d, %s)\n", status, format);
    abort();
}

int cli_end_output(int status)
{
    return status;
}

void cli_export(const char *name, const char *value)
{
    (void)name;
    (void)value;
    abort();
}

/* Put options before those of the command line. `max_len` is one of the form "-max_len=100". */
static inline void fuzz_add_options(int *count, char ***arguments, char *max_len)
{
    static char *with_options[64];
    int kept = 0;
    if (*count < 1 || *count > 60)
        return;
    with_options[kept++] = (*arguments)[0];
    with_options[kept++] = "-len_control=0";
    with_options[kept++] = max_len;
    for (int i = 1; i < *count; i++)
        with_options[kept++] = (*arguments)[i];
    *arguments = with_options;
    *count = kept;
}

#endif
