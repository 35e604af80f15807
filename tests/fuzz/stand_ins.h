/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets of the command's parts have instead of main.c, which is not linked. That the
 * command would end in the middle of something is a fault here: it is out of memory, or gives up.
 */
#ifndef TESTS_FUZZ_STAND_INS_H
#define TESTS_FUZZ_STAND_INS_H

#include <stdio.h>
#include <stdlib.h>

#include "cli.h"

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

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    (void)argp;
    (void)argc;
    (void)argv;
    (void)input;
    abort();
}

void cli_parse_common(int key, struct argp_state *state)
{
    (void)key;
    (void)state;
    abort();
}

#endif
