/* SPDX-License-Identifier: MIT */
/*
 * The work of jobs about one process's heap: a page, and what `hakmem stats --json` prints.
 */
#ifndef HAK_CLI_PAGE_PROCESS_H
#define HAK_CLI_PAGE_PROCESS_H

#include "serve/job.h"

job_work process_page_work;
job_work process_json_work;

#endif
