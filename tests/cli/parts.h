/* SPDX-License-Identifier: MIT */
/*
 * What tests of the command's parts share: stand-ins for main.c, which is not linked. What would
 * end the command ends the test.
 */
#ifndef TESTS_CLI_PARTS_H
#define TESTS_CLI_PARTS_H

#include "unit/unit.h"

#include "cli.h"
#include "target.h"

int cli_fail(int status, const char *format, ...)
{
    fail_msg("cli_fail(%d, %s)", status, format);
    return status;
}

int cli_end_output(int status)
{
    return status;
}

void cli_export(const char *name, const char *value)
{
    fail_msg("cli_export(%s, %s)", name, value);
}

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    (void)argp;
    (void)input;
    fail_msg("cli_parse(%s, %d)", argv[0], argc);
}

void cli_parse_common(int key, struct argp_state *state)
{
    (void)state;
    fail_msg("cli_parse_common(%d)", key);
}

#endif
