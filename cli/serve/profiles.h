/* SPDX-License-Identifier: MIT */
/*
 * The work of jobs that read the profile of one process. order->pid is the process.
 */
#ifndef HAK_CLI_PROFILES_H
#define HAK_CLI_PROFILES_H

#include "serve/job.h"

/* How profile_work writes the profile: order->variant. */
enum profile_form {
    PROFILE_HEAP,      /* for pprof: live bytes are shown first */
    PROFILE_ALLOCATED, /* for pprof: allocated bytes are shown first */
    PROFILE_GPERFTOOLS /* the text of gperftools' heap profiler */
};
/* The longest time that a difference may be taken over. */
#define PROFILE_SECONDS_MAX 300

/* Write the profile; with order->seconds, the difference over this time from now on. */
job_work profile_work;
/* The names of order->addresses, for google-pprof: "0xADDRESS<tab>NAME" each. */
job_work symbols_work;
/* The command line, as google-pprof asks for it. */
job_work command_work;

#endif
