/* SPDX-License-Identifier: MIT */
/*
 * Reads arguments by argp, whose own messages (two lines) and exits are turned off.
 */
#include "base/arguments.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"

/* Whether `word` is this option, or the start of its long name. */
static bool names_option(const struct argp_option *option, const char *word)
{
    if (strncmp(word, "--", 2) == 0)
        return strncmp(option->name, word + 2, strlen(word) - 2) == 0;
    return word[0] == '-' && word[1] == option->key && word[2] == '\0';
}

/* Whether `word` is an option of the table that takes a value. */
static bool takes_value(const struct argp *argp, const char *word)
{
    for (const struct argp_option *option = argp->options; option->name; option++)
        if (option->arg && names_option(option, word))
            return true;
    return false;
}

static _Noreturn void fail_option(const struct argp_state *state)
{
    size_t next = (size_t)(uintptr_t)state->hook;
    const char *word = state->argv[next ? next : 1];
    const char *fault = takes_value(state->root_argp, word) ? "needs a value" : "is no option";
    exit(cli_fail(EXIT_USAGE, "%s: '%s' %s (see %s --help)", state->argv[0], word, fault,
                  state->argv[0]));
}

void cli_parse_common(int key, struct argp_state *state)
{
    if (key == ARGP_KEY_ERROR)
        fail_option(state);
    if (key == CLI_KEY_HELP) {
        unsigned parts = ARGP_HELP_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC;
        /* argp's paragraph on arguments of short options says nothing that the list does not */
        setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
        argp_help(state->root_argp, stdout, parts, state->argv[0]);
        exit(cli_end_output(EXIT_SUCCESS));
    }
    /* where the next word begins: the one to blame if getopt does not like it */
    state->hook = (void *)(uintptr_t)(unsigned)state->next;
}

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    unsigned flags = ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_IN_ORDER;
    error_t error = argp_parse(argp, argc, argv, flags, NULL, input);
    if (error)
        exit(cli_fail(EXIT_INTERNAL, "%s: %s", argv[0], strerror(error)));
}
