/* SPDX-License-Identifier: MIT */
/*
 * `hakmem trim`, `set` and `limit`: these verbs write a request into the target. The target's next
 * slow path serves it; the verb waits for that, but not if the target is idle. Besides them only
 * `hakmem profile` writes to a target. heap/mailbox.c does so for all.
 */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "base/text.h"
#include "heap/choose.h"
#include "heap/activity.h"
#include "heap/copy.h"
#include "heap/mailbox.h"
#include "heap/process.h"
#include "heap/terms.h"
#include "request/verbs.h"
#include "settings/settings.h"

#define KEY_WAIT CLI_KEY(1)
#define WAIT_DEFAULT 5
#define WAIT_MAX 86400
/* The time between two looks whether the request has been served. */
#define LOOK_NS 20000000

struct request_input {
    struct choice choice;
    enum { VERB_TRIM, VERB_SET, VERB_LIMIT } verb;
    const char *value; /* set: NAME=VALUE; limit: the value */
    uint64_t wait_seconds;
    bool is_patient; /* --wait was given: wait for an idle process too */
};

enum answer { ANSWER_SERVED, ANSWER_LOST, ANSWER_LATE, ANSWER_IDLE };

/* ---- asking and waiting ---- */

/* *request is the content of the slot at the end. */
static enum answer wait_for_answer(const struct mailbox *mailbox, const struct request_input *input,
                                   union seen_request *request)
{
    const struct timespec step = {.tv_nsec = LOOK_NS};
    double deadline = clock_seconds() + (double)input->wait_seconds;
    struct activity activity = {0};
    for (;;) {
        if (!mailbox_read(mailbox, request))
            return ANSWER_LOST;
        if (request->served == request->asked)
            return ANSWER_SERVED;
        if (!input->is_patient &&
            activity_is_idle(&activity, mailbox->target, mailbox->idle_seconds))
            return ANSWER_IDLE;
        if (clock_seconds() >= deadline)
            return ANSWER_LATE;
        nanosleep(&step, NULL);
    }
}

/* ---- the result ---- */

static int report_failure(const struct request_input *input, const struct target *target)
{
    return cli_fail(EXIT_FAILURE, "%s: %s", input->choice.command, target->error);
}

/* The process has ended, or is another program. The limit that it was asked to keep may have ended
 * it. */
static int report_lost(const struct request_input *input, struct target *target)
{
    uint64_t rss;
    if (!target_rss(target, &rss))
        return cli_fail(EXIT_FAILURE, "%s: %s ended while hakmem waited for its answer",
                        input->choice.command, choice_title(target));
    process_explain(target, ESRCH);
    return report_failure(input, target);
}

/* The most that a trim could give back, as the heap is now. */
static uint64_t count_free(const struct heap_terms *terms)
{
    return terms->thread_cached + terms->depots + terms->partly_used + terms->purgeable;
}

/* Read the heap as it is now. The figures are 0 if it cannot be read. */
static const struct heap_terms *look_again(struct target *target)
{
    static struct heap_terms terms;
    struct heap_view view;
    if (heap_view_open(&view, target) && heap_terms_count(&view, &terms))
        heap_view_close(&view);
    return &terms;
}

static int report_pending(const struct request_input *input, struct target *target,
                          enum answer answer)
{
    char why[64] = "is idle";
    char what[64] = "";
    if (!target_refresh(target))
        return report_failure(input, target);
    if (target->state == 'T')
        strcpy(why, "is stopped");
    else if (target->state == 't')
        strcpy(why, "is held by a debugger");
    else if (answer == ANSWER_LATE)
        snprintf(why, sizeof why, "has not answered in %" PRIu64 " s", input->wait_seconds);
    if (input->verb == VERB_TRIM)
        snprintf(what, sizeof what, "; that gives back at most %s",
                 text_of_size(count_free(look_again(target))).bytes);
    return cli_fail(EXIT_PENDING,
                    "%s: %s %s: it serves the request at its next slow path of malloc or free%s",
                    input->choice.command, choice_title(target), why, what);
}

static int report_refused(const struct request_input *input, const struct target *target,
                          const struct mailbox *mailbox)
{
    if (input->verb != VERB_TRIM && mailbox->value < 0)
        return cli_fail(EXIT_FAILURE,
                        "%s: %s has no control group that limits its memory: a percentage has "
                        "nothing to refer to",
                        input->choice.command, choice_title(target));
    return cli_fail(EXIT_FAILURE, "%s: %s has refused the request", input->choice.command,
                    choice_title(target));
}

/* Print the effect of a new limit on a process that is above it already. */
static void print_above_limit(struct target *target, int64_t limit)
{
    if (limit <= 0 || !target_refresh(target))
        return;
    const struct heap_terms *terms = look_again(target);
    uint64_t unused = count_free(terms);
    uint64_t resident = terms->rss > unused ? terms->rss - unused : 0;
    uint64_t spans = heap_terms_spans(terms);
    uint64_t used = spans > resident ? spans : resident;
    if (used >= (uint64_t)limit)
        printf("%s are in use: calls of malloc that need more memory fail from now on, until "
               "memory is freed\n",
               text_of_size(used).bytes);
    else if (terms->rss >= (uint64_t)limit)
        printf("%s are resident, of which at most %s are free: if giving these back is not "
               "enough, calls of malloc that need more memory fail\n",
               text_of_size(terms->rss).bytes, text_of_size(unused).bytes);
}

static int report_served(const struct request_input *input, const struct mailbox *mailbox,
                         const union seen_request *request, unsigned slot)
{
    struct target *target = mailbox->target;
    if (request->result < 0)
        return report_refused(input, target, mailbox);
    if (input->verb == VERB_TRIM) {
        printf("%s: %s given back to the kernel\n", choice_title(target),
               text_of_size((uint64_t)request->result).bytes);
        return EXIT_SUCCESS;
    }
    const struct setting_row *row = setting_live_row(slot - REQUEST_SET);
    printf("%s: " SETTING_PREFIX "%s is %s now%s\n", choice_title(target), row->name,
           setting_write(row, request->value).bytes,
           request->value == mailbox->value ? "" : ": another command has asked for that since");
    if (slot == REQUEST_SET + LIVE_limit)
        print_above_limit(target, request->value);
    return EXIT_SUCCESS;
}

static int send_request(const struct request_input *input, const struct heap_view *view,
                        unsigned slot, int64_t value)
{
    struct target *target = view->target;
    const struct mailbox mailbox = mailbox_of(view, slot, value);
    union seen_request request;
    if (view->is_empty)
        return cli_fail(EXIT_FAILURE, "%s: %s does not use the heap of HAKMEM",
                        input->choice.command, choice_title(target));
    if (!mailbox_write(&mailbox))
        return report_failure(input, target);
    enum answer answer = wait_for_answer(&mailbox, input, &request);
    if (answer == ANSWER_LOST)
        return report_lost(input, target);
    if (answer != ANSWER_SERVED)
        return report_pending(input, target, answer);
    return report_served(input, &mailbox, &request, slot);
}

/* ---- the command line ---- */

static error_t parse_request(int key, char *argument, struct argp_state *state)
{
    struct request_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_WAIT:
        if (!text_to_number(argument, &input->wait_seconds) || input->wait_seconds > WAIT_MAX)
            exit(cli_fail(EXIT_USAGE, "%s: --wait cannot be '%.60s': expected 0 to %d seconds",
                          input->choice.command, argument, WAIT_MAX));
        input->is_patient = true;
        return 0;
    case ARGP_KEY_ARG:
        if (!input->choice.pid)
            input->choice.pid = argument;
        else if (input->verb != VERB_TRIM && !input->value)
            input->value = argument;
        else
            exit(cli_fail(EXIT_USAGE, "%s: '%.60s' is one word too many", input->choice.command,
                          argument));
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

#define WHEN_SERVED                                                                                \
    "when one of its threads next comes to a slow path of malloc or free, that is, to a call "     \
    "that the thread cache cannot serve. Status 3: it has not done so yet."

static const struct argp_option options[] = {
    {"wait", KEY_WAIT, "SECONDS", 0, "wait this long, even if the process is idle", 0},
    CLI_OPTION_HELP,
    {0},
};

static int run_request(struct request_input *input, unsigned slot, int64_t value)
{
    struct target target;
    struct heap_view view;
    choice_open(&input->choice, &target, &view);
    int status = send_request(input, &view, slot, value);
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
        .doc = "Ask a process to empty its thread caches, its depots and its warm pool, and to "
               "give the free pages back to the kernel. The process does so " WHEN_SERVED,
    };
    struct request_input input = {.choice = {.command = "hakmem trim", .is_to_write = true},
                                  .verb = VERB_TRIM,
                                  .wait_seconds = WAIT_DEFAULT};
    cli_parse(&argp, argc, argv, &input);
    return run_request(&input, REQUEST_TRIM, 0);
}

/* The only word is the one that follows PID: PID is missing. */
static int fail_without_process(const struct request_input *input)
{
    return cli_fail(EXIT_USAGE, "%s: no process given (see %s --help)", input->choice.command,
                    input->choice.command);
}

/* Send a request for the setting in `assignment`. */
static int run_set(struct request_input *input, const char *assignment)
{
    unsigned live;
    int64_t value;
    settings_parse_live(input->choice.command, assignment, &live, &value);
    return run_request(input, REQUEST_SET + live, value);
}

int set_command(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_request,
        .args_doc = "PID NAME=VALUE",
        .doc =
            "Change a setting of a running process. The process takes the new value " WHEN_SERVED,
    };
    struct request_input input = {.choice = {.command = "hakmem set", .is_to_write = true},
                                  .verb = VERB_SET,
                                  .wait_seconds = WAIT_DEFAULT};
    cli_parse(&argp, argc, argv, &input);
    if (input.choice.pid && !input.value && strchr(input.choice.pid, '='))
        return fail_without_process(&input);
    if (input.choice.pid && !input.value)
        return cli_fail(EXIT_USAGE, "hakmem set: no NAME=VALUE given (see hakmem set --help)");
    return input.value ? run_set(&input, input.value) : run_request(&input, REQUEST_SET, 0);
}

int limit_command(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse_request,
        .args_doc = "PID BYTES|PERCENT%|none",
        .doc = "Change the limit on the memory of a running process, its HAKMEM_LIMIT: malloc "
               "fails rather than let it grow further. The limit is in bytes (K, M or G may "
               "follow), or in percent of the limit of the process's control group. The process "
               "takes the new limit " WHEN_SERVED,
    };
    struct request_input input = {.choice = {.command = "hakmem limit", .is_to_write = true},
                                  .verb = VERB_LIMIT,
                                  .wait_seconds = WAIT_DEFAULT};
    char assignment[128];
    cli_parse(&argp, argc, argv, &input);
    uint64_t number;
    if (input.choice.pid && !input.value && !text_to_number(input.choice.pid, &number))
        return fail_without_process(&input);
    if (input.choice.pid && !input.value)
        return cli_fail(EXIT_USAGE, "hakmem limit: no limit given (see hakmem limit --help)");
    snprintf(assignment, sizeof assignment, "LIMIT=%s", input.value ? input.value : "none");
    return run_set(&input, assignment);
}
