/* SPDX-License-Identifier: MIT */
/*
 * `hakmem trim` and `hakmem set`: write a request into the target, which its next slow path serves,
 * and wait for that. The only verbs that write to a target. What is written to is the object that
 * the library has for it, in the library's own memory (heap_view.c checks that), through the handle
 * by which it was looked at: a process that executes another program meanwhile is lost, and that
 * program is not written to.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "choose.h"
#include "cli.h"

#define KEY_WAIT CLI_KEY(1)
#define WAIT_DEFAULT 5
#define WAIT_MAX 86400

struct request_input {
    struct choice choice;
    const char *assignment; /* set: NAME=VALUE */
    bool is_set;
    uint64_t wait_seconds;
};

static uint32_t state_of(struct target *target, uint64_t address)
{
    uint32_t state = REQUEST_NONE;
    if (!target_read(target, address + offsetof(struct request, state), &state, sizeof state))
        return REQUEST_NONE;
    return state;
}

/* The fields first, then the state that makes them valid. */
static bool write_request(struct target *target, uint64_t address, const struct request *wanted)
{
    struct request copy = *wanted;
    uint32_t asked = REQUEST_ASKED;
    atomic_store(&copy.state, REQUEST_NONE);
    return target_write(target, address, &copy, sizeof copy) &&
           target_write(target, address + offsetof(struct request, state), &asked, sizeof asked);
}

/* Purpose: the object that is written to, and until when is waited for it. */
struct mailbox {
    struct target *target;
    uint64_t address;
    double deadline;
};

/* A moment later; false when the time is over. */
static bool wait_some(const struct mailbox *mailbox)
{
    const struct timespec step = {.tv_nsec = 20000000};
    if (program_clock() >= mailbox->deadline)
        return false;
    nanosleep(&step, NULL);
    return true;
}

/* Wait until no request stands. Returns what became of the last: REQUEST_NONE if the process is no
 * longer what it was, REQUEST_ASKED or REQUEST_RUNNING when the time is over. */
static uint32_t wait_for_end(const struct mailbox *mailbox)
{
    uint32_t state;
    do {
        state = state_of(mailbox->target, mailbox->address);
    } while ((state == REQUEST_ASKED || state == REQUEST_RUNNING) && wait_some(mailbox));
    return state;
}

/* Only one command at a time may have a request stand: the lock is on a file that only users who
 * may write to the process can open, and ends with the command. */
static bool wait_for_turn(const struct mailbox *mailbox)
{
    while (flock(mailbox->target->file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        if (!wait_some(mailbox))
            return false;
    uint32_t state = wait_for_end(mailbox);
    return state != REQUEST_ASKED && state != REQUEST_RUNNING;
}

/* May a request be written there now? What no build of the library leaves there is no request. */
static bool is_ready(struct target *target, uint64_t address)
{
    uint32_t state = state_of(target, address);
    if (target->is_gone)
        return process_explain(target, ESRCH);
    return state <= REQUEST_DONE || target_fail_damaged(target, "its request is in no known state");
}

static int report_lost(const struct request_input *input, struct target *target)
{
    process_explain(target, ESRCH);
    return cli_fail(EXIT_FAILURE, "%s: %s", input->choice.command, target->error);
}

static int report_pending(const struct request_input *input, struct target *target)
{
    if (!target_refresh(target))
        return cli_fail(EXIT_FAILURE, "%s: %s", input->choice.command, target->error);
    const char *why = target->state == 'T'   ? "it is stopped"
                      : target->state == 't' ? "a debugger holds it"
                                             : "it has not come to a slow path of malloc since";
    return cli_fail(EXIT_FAILURE,
                    "%s: %s has not answered in %" PRIu64 " s: %s; the request stands and will be "
                    "served then",
                    input->choice.command, choice_title(target), input->wait_seconds, why);
}

static void report_done(const struct request_input *input, const struct target *target,
                        const struct request *wanted, int64_t result)
{
    char value[32];
    if (input->is_set) {
        settings_write_value(wanted->setting, wanted->value, value, sizeof value);
        printf("%s: " SETTING_PREFIX "%s is %s now\n", choice_title(target),
               settings_name(wanted->setting), value);
    } else {
        printf("%s: %s given back to the kernel\n", choice_title(target),
               text_of_size((uint64_t)result).bytes);
    }
}

static int send_request(const struct request_input *input, struct target *target,
                        const struct heap_view *view, const struct request *wanted)
{
    const char *command = input->choice.command;
    const struct mailbox mailbox = {target, (uintptr_t)view->root.request,
                                    program_clock() + (double)input->wait_seconds};
    struct request answer;
    if (view->is_empty)
        return cli_fail(EXIT_FAILURE, "%s: %s does not use the heap of HAKMEM", command,
                        choice_title(target));
    if (!wait_for_turn(&mailbox))
        return cli_fail(EXIT_FAILURE,
                        "%s: an earlier request waits in %s: it is served at the next slow path",
                        command, choice_title(target));
    if (!is_ready(target, mailbox.address) || !write_request(target, mailbox.address, wanted))
        return cli_fail(EXIT_FAILURE, "%s: %s", command, target->error);
    uint32_t state = wait_for_end(&mailbox);
    if (state == REQUEST_ASKED || state == REQUEST_RUNNING)
        return report_pending(input, target);
    if (state != REQUEST_DONE || !target_read(target, mailbox.address, &answer, sizeof answer))
        return report_lost(input, target);
    if (answer.result < 0)
        return cli_fail(EXIT_FAILURE, "%s: %s refused the request", command, choice_title(target));
    report_done(input, target, wanted, answer.result);
    return EXIT_SUCCESS;
}

static error_t parse_request(int key, char *argument, struct argp_state *state)
{
    struct request_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_WAIT:
        if (!text_to_number(argument, &input->wait_seconds) || input->wait_seconds > WAIT_MAX)
            exit(cli_fail(EXIT_USAGE, "%s: --wait cannot be '%.60s': expected 0 to %d seconds",
                          input->choice.command, argument, WAIT_MAX));
        return 0;
    case ARGP_KEY_ARG:
        if (!input->choice.pid)
            input->choice.pid = argument;
        else if (input->is_set && !input->assignment)
            input->assignment = argument;
        else
            exit(cli_fail(EXIT_USAGE, "%s: '%.60s' is one word too many", input->choice.command,
                          argument));
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"wait", KEY_WAIT, "SECONDS", 0, "how long to wait for the process (5)", 0},
    CLI_OPTION_HELP,
    {0},
};

static int run_request(struct request_input *input, const struct request *wanted)
{
    struct target target;
    struct heap_view view;
    choice_open(&input->choice, &target, &view);
    int status = send_request(input, &target, &view, wanted);
    heap_view_close(&view);
    target_close(&target);
    return status;
}

int trim_command(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_request,
        .args_doc = "PID",
        .doc = "Ask a process to empty its depots, its warm pool and the cache of the thread that "
               "serves the request, and to give the free pages back. A process serves it when it "
               "next comes to a slow path of malloc or free.",
    };
    struct request_input input = {.choice = {.command = "hakmem trim", .is_to_write = true},
                                  .wait_seconds = WAIT_DEFAULT};
    struct request wanted = {.kind = REQUEST_TRIM};
    cli_parse(&argp, argc, argv, &input);
    return run_request(&input, &wanted);
}

int set_command(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_request,
        .args_doc = "PID NAME=VALUE",
        .doc = "Change a setting of a running process. A process takes it when it next comes to a "
               "slow path of malloc or free.",
    };
    struct request_input input = {.choice = {.command = "hakmem set", .is_to_write = true},
                                  .is_set = true,
                                  .wait_seconds = WAIT_DEFAULT};
    struct request wanted = {.kind = REQUEST_SET};
    cli_parse(&argp, argc, argv, &input);
    if (input.choice.pid && !input.assignment)
        return cli_fail(EXIT_USAGE, "hakmem set: no NAME=VALUE given (see hakmem set --help)");
    if (input.assignment)
        settings_parse_live(input.choice.command, input.assignment, &wanted.setting, &wanted.value);
    return run_request(&input, &wanted);
}
