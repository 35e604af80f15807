/* SPDX-License-Identifier: MIT */
/*
 * What tests of the command's parts share: stand-ins for base/message.c, which is not linked. What
 * would end the command ends the test.
 */
#ifndef TESTS_CLI_PARTS_H
#define TESTS_CLI_PARTS_H

#include "unit/unit.h"

#include "base/message.h"

int cli_fail(int status, const char *format, ...)
{
    fail_msg("cli_fail(%d, %s)", status, format);
    return status;
}

void cli_say(const char *format, ...)
{
    fail_msg("cli_say(%s)", format);
}

int cli_end_output(int status)
{
    return status;
}

void cli_export(const char *name, const char *value)
{
    fail_msg("cli_export(%s, %s)", name, value);
}

#endif
