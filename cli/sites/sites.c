/* SPDX-License-Identifier: MIT */
/*
 * `hakmem sites`: shows the profile of a process as a table of the call stacks that asked for its
 * memory.
 */
#include <argp.h>
#include <stdlib.h>

#include "base/message.h"
#include "base/text.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "sites/sites_table.h"
#include "sites/verbs.h"

#define COMMAND "hakmem sites"
#define KEY_JSON CLI_KEY(1)
#define KEY_TOP CLI_KEY(2)
#define KEY_LIVE CLI_KEY(3)
#define KEY_ALLOCATED CLI_KEY(4)
#define KEY_PEAK CLI_KEY(5)
#define KEY_LIFETIME CLI_KEY(6)
#define KEY_PINNED CLI_KEY(7)

#define TOP_DEFAULT 10
#define TOP_MAX 1000000
#define FRAMES_SHOWN 6
#define COLUMNS 80

struct sites_input {
    struct choice choice;
    struct table_form form;
    bool is_json;
};

static size_t parse_top(const char *text)
{
    uint64_t number;
    if (!text_to_number(text, &number) || number == 0 || number > TOP_MAX)
        exit(cli_fail(EXIT_USAGE, COMMAND ": --top cannot be '%.60s': expected 1 to %d", text,
                      TOP_MAX));
    return number;
}

static error_t parse_sites(int key, char *argument, struct argp_state *state)
{
    struct sites_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_JSON: input->is_json = true; return 0;
    case KEY_TOP: input->form.rows = parse_top(argument); return 0;
    case KEY_LIVE: input->form.figure = FIGURE_LIVE; return 0;
    case KEY_ALLOCATED: input->form.figure = FIGURE_ALLOCATED; return 0;
    case KEY_PEAK: input->form.figure = FIGURE_PEAK; return 0;
    case KEY_PINNED: input->form.figure = FIGURE_PINNED; return 0;
    case KEY_LIFETIME: input->form.figure = FIGURE_LIFETIME; return 0;
    case CHOICE_KEY_CORE: input->choice.core = argument; return 0;
    case ARGP_KEY_ARG:
        if (input->choice.pid || input->choice.core)
            exit(cli_fail(EXIT_USAGE, COMMAND ": '%.60s' is one word too many", argument));
        input->choice.pid = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int sites_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"live", KEY_LIVE, NULL, 0, "by live bytes (the default)", 0},
        {"allocated", KEY_ALLOCATED, NULL, 0, "by bytes allocated since profiling began", 0},
        {"peak", KEY_PEAK, NULL, 0, "by live bytes at the heap's peak", 0},
        {"pinned", KEY_PINNED, NULL, 0, "by free bytes that live blocks keep resident", 0},
        {"lifetime", KEY_LIFETIME, NULL, 0, "by bytes allocated, with how long they lived", 0},
        {"top", KEY_TOP, "N", 0, "show at most N stacks (10; in JSON all)", 0},
        {"json", KEY_JSON, NULL, 0, "print JSON", 0},
        CHOICE_OPTION_CORE,
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_sites,
        .args_doc = "PID\n--core FILE",
        .doc =
            "Say who asked for the memory of a process: bytes and blocks by call stack, "
            "estimated from samples. The process runs with HAKMEM_PROFILE=1; for another one, see "
            "hakmem profile --for.",
    };
    struct sites_input input = {.choice = {.command = COMMAND}};
    struct target target;
    struct heap_view view;
    struct named_profile named;
    cli_parse(&argp, argc, argv, &input);
    choice_open(&input.choice, &target, &view);
    if (!named_profile_open(&named, &target, &view))
        return cli_fail(EXIT_FAILURE, COMMAND ": %s", target.error);
    if (!input.form.rows)
        input.form.rows = input.is_json ? SIZE_MAX : TOP_DEFAULT;
    input.form.frames = FRAMES_SHOWN;
    input.form.width = COLUMNS;
    if (input.is_json)
        sites_print_json(stdout, &named, &input.form);
    else
        sites_print_table(stdout, &named, &input.form);
    symbols_say_missing(&named.symbols, COMMAND);
    named_profile_close(&named);
    heap_view_close(&view);
    target_close(&target);
    return EXIT_SUCCESS;
}
