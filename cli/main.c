/* SPDX-License-Identifier: MIT */
/*
 * The command `hakmem`: finds the command asked for and calls it; help and version; how all of them
 * read their arguments and report errors. Called by the shell; calls the verbs' files.
 */
#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "hakmem/hakmem.h"
#include "nearest.h"

#define KEY_VERSION CLI_KEY(1)

static const struct command {
    const char *verb;
    int (*call)(int argc, char **argv);
} commands[] = {
    {"run", run_command},           {"compare", compare_command}, {"record", record_command},
    {"stats", stats_command},       {"top", top_command},         {"map", map_command},
    {"why", why_command},           {"trim", trim_command},       {"set", set_command},
    {"report", report_command},     {"limit", limit_command},     {"settings", settings_command},
    {"snapshot", snapshot_command}, {"diff", diff_command},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

/* ---- Messages ---- */

int cli_fail(int status, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *byte = line; *byte; byte++)
        if ((unsigned char)*byte < ' ' || *byte == '\x7f')
            *byte = '?';
    fprintf(stderr, "%s\n", line);
    return status;
}

int cli_end_output(int status)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return cli_fail(EXIT_FAILURE, "hakmem: cannot write to standard output: %s", strerror(errno));
}

void cli_export(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0)
        exit(cli_fail(EXIT_INTERNAL, "hakmem: cannot set %s: %s", name, strerror(errno)));
}

/* ---- Arguments: argp, with its own messages (two lines) and exits turned off ---- */

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

/* An option without its value, with or without the sign that the value should have followed. */
static _Noreturn void fail_value(const struct argp_state *state, const char *word)
{
    exit(cli_fail(EXIT_USAGE, "%s: '%.*s' needs a value (see %s --help)", state->argv[0],
                  (int)strcspn(word, "="), word, state->argv[0]));
}

/* What a misspelt long option may stand for. */
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
    exit(cli_fail(EXIT_USAGE, "%s: '%s' is no option%s (see %s --help)", state->argv[0], word,
                  nearest_option(state->root_argp, word).bytes, state->argv[0]));
}

/* The end of the options is no value of one: a forgotten value would take it, and the program that
 * follows would be read as options. */
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

/* ---- hakmem [--help | --version] COMMAND ... ---- */

static error_t parse_main(int key, char *argument, struct argp_state *state)
{
    char ***verb = state->input;
    (void)argument;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_VERSION:
        printf("hakmem %s\n", HAKMEM_VERSION_STRING);
        exit(cli_end_output(EXIT_SUCCESS));
    case ARGP_KEY_ARG:
        /* the rest is the command's */
        *verb = state->argv + state->next - 1;
        state->next = state->argc;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option main_options[] = {
    {"version", KEY_VERSION, NULL, 0, "print the version", -1},
    CLI_OPTION_HELP,
    {0},
};

static const struct argp main_argp = {
    .options = main_options,
    .parser = parse_main,
    .args_doc = "COMMAND [ARGUMENTS]",
    .doc = "Run programs on the HAKMEM memory allocator, and look at their heaps.\n\n"
           "  hakmem run [--] PROGRAM ...   run a program on HAKMEM, then print a report\n"
           "  hakmem compare [--] PROGRAM   run a program under each allocator, compare\n"
           "  hakmem report PID             watch a process, write a page about its memory\n"
           "  hakmem record [--] PROGRAM    write a program's allocator calls to a file\n"
           "  hakmem stats PID              say where the memory of a process is\n"
           "  hakmem top [PID]              show the same live, for one process or all\n"
           "  hakmem map PID                show the address space of a heap\n"
           "  hakmem why PID ADDRESS        say what lies at an address\n"
           "  hakmem snapshot PID -o FILE   write the figures of stats to a file\n"
           "  hakmem diff BEFORE AFTER      say what changed between two such files\n"
           "  hakmem trim PID               ask a process to give free pages back\n"
           "  hakmem set PID NAME=VALUE     change a setting of a running process\n"
           "  hakmem limit PID BYTES        make malloc fail beyond this much memory\n"
           "  hakmem settings               list the HAKMEM_* settings\n"
           "  hakmem help [COMMAND]         print the help of a command, or this list\n"
           "\n"
           "PID is a process that runs on HAKMEM. stats, top, map, why and snapshot also take "
           "--core FILE. The manual: man hakmem.",
};

static int call_command(int argc, char **argv)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].verb, argv[0]) != 0)
            continue;
        char name[32];
        snprintf(name, sizeof name, "hakmem %s", commands[i].verb);
        argv[0] = name;
        return commands[i].call(argc, argv);
    }
    struct nearest nearest = nearest_begin(argv[0], strlen(argv[0]));
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        nearest_try(&nearest, commands[i].verb);
    return cli_fail(EXIT_USAGE, "hakmem: '%.60s' is no command%s (see hakmem --help)", argv[0],
                    nearest_text(&nearest, "").bytes);
}

/* hakmem help [COMMAND] is hakmem [COMMAND] --help. */
static int call_help(int argc, char **argv)
{
    bool about_all = argc == 1 || argv[1][0] == '-' || strcmp(argv[1], "help") == 0;
    char *words[] = {about_all ? (char[]){"hakmem"} : argv[1], (char[]){"--help"}, NULL};
    if (argc > 2)
        return cli_fail(EXIT_USAGE, "hakmem help: '%.60s' is one word too many", argv[2]);
    if (!about_all)
        return call_command(2, words);
    cli_parse(&main_argp, 2, words, NULL);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    char name[] = "hakmem";
    char **verb = NULL;
    if (argc > 0)
        argv[0] = name;
    cli_parse(&main_argp, argc, argv, &verb);
    if (!verb)
        return cli_fail(EXIT_USAGE, "hakmem: no command given (see hakmem --help)");
    int verb_argc = argc - (int)(verb - argv);
    if (strcmp(verb[0], "help") == 0)
        return cli_end_output(call_help(verb_argc, verb));
    return cli_end_output(call_command(verb_argc, verb));
}
