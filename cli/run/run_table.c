/* SPDX-License-Identifier: MIT */
/*
 * The frame of the page's tables.
 */
#include "run/run_report.h"

void run_table_begin(FILE *out, const char *caption, const char *head)
{
    fprintf(out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>"
            "<caption>%s</caption>\n<thead><tr>%s</tr></thead>\n<tbody>\n",
            caption, caption, head);
}

void run_table_end(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}
