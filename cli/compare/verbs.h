/* SPDX-License-Identifier: MIT */
/*
 * The verbs of this folder: argv[0] is "hakmem VERB"; each returns the exit status.
 */
#ifndef HAK_CLI_COMPARE_VERBS_H
#define HAK_CLI_COMPARE_VERBS_H

int compare_command(int argc, char **argv);

#endif
