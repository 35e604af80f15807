/* SPDX-License-Identifier: MIT */
/*
 * HTML pages that load nothing: the parts that the reports of all verbs share.
 */
#ifndef HAK_CLI_HTML_H
#define HAK_CLI_HTML_H

#include <stdio.h>

/* The style of all pages, for pages that are served and have it in a file of its own. */
const char *html_style(void);
/* Write from the doctype to <header>; the title is the heading too. */
void html_begin(FILE *out, const char *title);
/* Write a row of a <dl>. */
void html_fact(FILE *out, const char *name, const char *text);
/* Write the rows about the machine and the date, and from there to <main>. */
void html_end_header(FILE *out);
/* Write from </main> to the end. */
void html_end(FILE *out);

/* Write text, with the special characters of HTML escaped. Control characters, and bytes that are
 * not UTF-8, become '?'. */
void html_text(FILE *out, const char *text);
/* Write text as html_text does, but keep a figure and its unit, or an option and its number, on one
 * line. */
void html_prose(FILE *out, const char *text);
/* The same for HTML whose tags contain no figures. */
void html_keep_figures(FILE *out, const char *html);
/* Write a command with its arguments, quoted for a shell where it is necessary. */
void html_command(FILE *out, char **argv);

/* Write a string of JSON, with its quotes, that may stand in a <script>. Control characters, and
 * bytes that are not UTF-8, become '?'; of a text longer than `most` bytes, the rest is dots. */
void html_script_text(FILE *out, const char *text, size_t most);

/* Write at most `most` bytes of text as code, with dots if it is longer. */
void html_code(FILE *out, const char *text, size_t most);

#endif
