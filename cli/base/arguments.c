/* SPDX-License-Identifier: MIT */
/*
 * Reads arguments with argp, whose own messages (two lines) and exits are turned off.
 */
#include "base/arguments.h"

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/nearest.h"

/* Is `word` this option, or the start of its long name? */
static bool names_option(const struct argp_option *option, const char *word)
{
    if (strncmp(word, "--", 2) == 0)
        return strncmp(option->name, word + 2, strlen(word) - 2) == 0;
    return word[0] == '-' && word[1] == option->key && word[2] == '\0';
}

/* Is `word` an option of the table that takes a value? */
static bool takes_value(const struct argp *argp, const char *word)
{
    for (const struct argp_option *option = argp->options; option->name; option++)
        if (option->arg && names_option(option, word))
            return true;
    return false;
}

/* Fail for an option without its value; the word may end with the sign that comes before a
 * value. */
static _Noreturn void fail_value(const struct argp_state *state, const char *word)
{
    exit(cli_fail(EXIT_USAGE, "%s: '%.*s' needs a value (see %s --help)", state->argv[0],
                  (int)strcspn(word, "="), word, state->argv[0]));
}

/* The option that a misspelt long option probably means. */
static struct nearest_text nearest_option(const struct argp *argp, const char *word)
{
    bool is_long = strncmp(word, "--", 2) == 0;
    const char *name = word + (is_long ? 2 : 0);
    struct nearest nearest = nearest_begin(name, is_long ? strcspn(name, "=") : 0);
    for (const struct argp_option *option = argp->options; option->name; option++)
        nearest_try(&nearest, option->name);
    return nearest_text(&nearest, "--");
}

static _Noreturn void fail_option(const struct argp_state *state)
{
    size_t next = (size_t)(uintptr_t)state->hook;
    const char *word = state->argv[next ? next : 1];
    if (takes_value(state->root_argp, word))
        fail_value(state, word);
    exit(cli_fail(EXIT_USAGE, "%s: '%s' is not an option%s (see %s --help)", state->argv[0], word,
                  nearest_option(state->root_argp, word).bytes, state->argv[0]));
}

/* Refuse "--" as the value of an option. If a value was forgotten, "--" would be taken for it, and
 * the program after it would be read as options. */
static void refuse_dashes(int key, const struct argp_state *state)
{
    if (key <= 0 || key >= ARGP_KEY_END)
        return;
    size_t start = (size_t)(uintptr_t)state->hook;
    const char *first = state->argv[start ? start : 1];
    const char *last = state->argv[state->next - 1];
    const char *equals = strchr(first, '=');
    if (strcmp(last, "--") == 0 || (last == first && equals && strcmp(equals, "=--") == 0))
        fail_value(state, first);
}

void cli_parse_common(int key, struct argp_state *state)
{
    if (key == ARGP_KEY_ERROR)
        fail_option(state);
    refuse_dashes(key, state);
    if (key == CLI_KEY_HELP) {
        unsigned parts = ARGP_HELP_USAGE | ARGP_HELP_LONG | ARGP_HELP_DOC;
        /* without argp's paragraph on the arguments of short options, which the list shows
         * already */
        setenv("ARGP_HELP_FMT", "no-dup-args-note", 0);
        argp_help(state->root_argp, stdout, parts, state->argv[0]);
        exit(cli_end_output(EXIT_SUCCESS));
    }
    /* the index of the next word, for a message if getopt does not accept it */
    state->hook = (void *)(uintptr_t)(unsigned)state->next;
}

void cli_parse(const struct argp *argp, int argc, char **argv, void *input)
{
    unsigned flags = ARGP_NO_ERRS | ARGP_NO_HELP | ARGP_IN_ORDER;
    error_t error = argp_parse(argp, argc, argv, flags, NULL, input);
    if (error)
        exit(cli_fail(EXIT_INTERNAL, "%s: %s", argv[0], strerror(error)));
}
