/* SPDX-License-Identifier: MIT */
/*
 * The command `hakmem`: finds the verb that was asked for and calls it; help and version.
 */
#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arguments.h"
#include "base/message.h"
#include "base/nearest.h"
#include "compare/verbs.h"
#include "hakmem/hakmem.h"
#include "look/verbs.h"
#include "request/verbs.h"
#include "run/verbs.h"
#include "serve/verbs.h"
#include "settings/settings.h"
#include "sites/verbs.h"

#define KEY_VERSION CLI_KEY(1)

static const struct command {
    const char *verb;
    int (*call)(int argc, char **argv);
} commands[] = {
    {"run", run_command},           {"compare", compare_command}, {"record", record_command},
    {"stats", stats_command},       {"top", top_command},         {"map", map_command},
    {"why", why_command},           {"trim", trim_command},       {"set", set_command},
    {"report", report_command},     {"limit", limit_command},     {"settings", settings_command},
    {"snapshot", snapshot_command}, {"diff", diff_command},       {"sites", sites_command},
    {"profile", profile_command},   {"leaks", leaks_command},     {"serve", serve_command},
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

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
        /* the remaining words belong to the verb */
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
    .doc = "Run programs on the HAKMEM memory allocator, and look at their heaps.\n"
           "  hakmem run [--] PROGRAM ...   run a program on HAKMEM, then print a report\n"
           "  hakmem compare [--] PROGRAM   run a program under each allocator, compare\n"
           "  hakmem report PID             watch a process, write a page about its memory\n"
           "  hakmem record [--] PROGRAM    write a program's allocator calls to a file\n"
           "  hakmem stats PID              say where the memory of a process is\n"
           "  hakmem top [PID]              show the same live, for one process or all\n"
           "  hakmem map PID                show the address space of a heap\n"
           "  hakmem why PID ADDRESS        say what lies at an address\n"
           "  hakmem snapshot, hakmem diff  write the figures to a file; what has changed\n"
           "  hakmem sites PID              say which call stacks asked for the memory\n"
           "  hakmem profile PID -o FILE    write that as a page, or for pprof\n"
           "  hakmem leaks [--] PROGRAM     run a program, list the blocks it has lost\n"
           "  hakmem serve                  answer Prometheus and pprof by HTTP\n"
           "  hakmem trim, set, limit PID   ask it to: free pages, a setting, a limit\n"
           "  hakmem settings               list the HAKMEM_* settings\n"
           "  hakmem help [COMMAND]         print the help of a command, or this list\n"
           "\n"
           "PID runs on HAKMEM; verbs that look also take --core FILE. Manual: man hakmem.",
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
    return cli_fail(EXIT_USAGE, "hakmem: '%.60s' is not a command%s (see hakmem --help)", argv[0],
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
