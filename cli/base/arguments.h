/* SPDX-License-Identifier: MIT */
/*
 * Reads the arguments of each verb: argp, with messages of one line.
 */
#ifndef HAK_CLI_ARGUMENTS_H
#define HAK_CLI_ARGUMENTS_H

#include <argp.h>

/* Parse argv (argv[0] is the verb's name, as in "hakmem run"); the parser gets `input`. An error
 * ends the process with one line and EXIT_USAGE; --help ends it with the help. */
void cli_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Each argp parser calls this first. It handles --help, and words that are not options. */
void cli_parse_common(int key, struct argp_state *state);

/* The key of an option without a short form; and the entry of --help for each table of options. */
#define CLI_KEY(number) (0x100 + (number))
#define CLI_KEY_HELP 'h'
// clang-format off
#define CLI_OPTION_HELP {"help", CLI_KEY_HELP, NULL, 0, "print this help", -1}
// clang-format on

#endif
