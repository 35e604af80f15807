/* SPDX-License-Identifier: MIT */
/*
 * From the words on the command line to an open target with its heap copied; if that cannot be
 * done, the command ends with one line that says why. Called by the verbs.
 */
#include "choose.h"

#include <limits.h>
#include <stdlib.h>

#include "cli.h"

pid_t choice_pid(const char *command, const char *text)
{
    uint64_t number;
    if (!text_to_number(text, &number) || number == 0 || number > INT_MAX)
        exit(cli_fail(EXIT_USAGE, "%s: '%.60s' is no process number", command, text));
    return (pid_t)number;
}

void choice_open(const struct choice *choice, struct target *target, struct heap_view *view)
{
    if (!choice->pid && !choice->core)
        exit(cli_fail(EXIT_USAGE, "%s: no process given (see %s --help)", choice->command,
                      choice->command));
    bool is_open = false;
    if (choice->core)
        is_open = target_open_core(target, choice->core);
    else if (choice->is_to_write)
        is_open = target_open_to_write(target, choice_pid(choice->command, choice->pid));
    else
        is_open = target_open_process(target, choice_pid(choice->command, choice->pid));
    if (!is_open || !heap_view_open(view, target))
        exit(cli_fail(EXIT_FAILURE, "%s: %s", choice->command, target->error));
}

const char *choice_title(const struct target *target)
{
    static char title[128];
    snprintf(title, sizeof title, "%s%s [%d]", target->is_core ? "core file of " : "",
             target->program[0] ? target->program : "?", (int)target->pid);
    return title;
}
