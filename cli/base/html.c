/* SPDX-License-Identifier: MIT */
/*
 * HTML pages that load nothing: their style, in light and dark, on paper and on a phone; and text
 * from any source, made safe.
 */
#include "base/html.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "base/text.h"
#include "hakmem/hakmem.h"

static const char style[] =
    ":root { color-scheme: light dark;\n"
    "  --paper: #faf9f6; --card: #fff; --ink: #1d1c1a; --muted: #5b5851; --rule: #dedad1;\n"
    "  --ours: #1554b0; --bar: #8d8980; --good: #1554b0; --alert: #b06a00; --empty: #e6e3db; "
    "--shade: #1d1c1a66;\n"
    "  --c0: #1554b0; --c1: #7aa5e6; --c2: #0d8a72; --c3: #63c2a8; --c4: #c98a00;\n"
    "  --c5: #ecc463; --c6: #7a4bb5; --c7: #b79be0; --c8: #a39f96; }\n"
    "@media (prefers-color-scheme: dark) { :root {\n"
    "  --paper: #131418; --card: #1b1d22; --ink: #eae8e3; --muted: #a9a69e; --rule: #363941;\n"
    "  --ours: #7fb2ff; --bar: #7a7e88; --good: #7fb2ff; --alert: #f4b95f; --empty: #2b2e35; "
    "--shade: #eae8e359;\n"
    "  --c0: #5b95ee; --c1: #2f5690; --c2: #3fb79b; --c3: #226b5b; --c4: #e0a52e;\n"
    "  --c5: #7d5c17; --c6: #a684dd; --c7: #5a4287; --c8: #6d7079; } }\n"
    "* { box-sizing: border-box; }\n"
    "body { margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 72rem;\n"
    "  background: var(--paper); color: var(--ink); overflow-wrap: anywhere;\n"
    "  font: 1rem/1.55 system-ui, -apple-system, 'Segoe UI', sans-serif;\n"
    "  font-variant-numeric: tabular-nums; }\n"
    "h1, h2 { line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; }\n"
    "h1 { margin: 0 0 1rem; font-size: clamp(1.6rem, 5vw, 2.3rem); }\n"
    "h2 { margin: 3rem 0 0.75rem; padding-top: 0.9rem; border-top: 2px solid var(--ink);\n"
    "  font-size: 1.35rem; }\n"
    "p, li { max-width: 46rem; }\n"
    "ul { padding-left: 1.2rem; } li { margin: 0.35rem 0; }\n"
    "code { font: 0.9em/1.5 ui-monospace, 'DejaVu Sans Mono', monospace; }\n"
    "dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.15rem 1.25rem;\n"
    "  margin: 0; }\n"
    "dt, figcaption, caption, .note { color: var(--muted); } dd { margin: 0; }\n"
    ".note { font-size: 0.875rem; }\n"
    ".answer { font-size: 1.15rem; border-left: 4px solid var(--good); padding-left: 0.9rem; }\n"
    ".failed { border-left: 4px solid var(--alert); padding-left: 0.9rem; }\n"
    ".nb { white-space: nowrap; }\n"
    /* a shadow at each side where the table continues; the background that moves with the table
     * covers it */
    ".scroll { overflow-x: auto; margin: 1rem 0; background:\n"
    "  linear-gradient(to left, var(--paper) 50%, transparent) right / 3rem 100% no-repeat local,\n"
    "  linear-gradient(to left, var(--shade), transparent) right / 1.25rem 100% no-repeat; }\n"
    "table { border-collapse: collapse; font-size: 0.875rem; width: 100%;\n"
    "  overflow-wrap: normal; }\n"
    "caption { text-align: left; padding-bottom: 0.4rem; }\n"
    "th, td { padding: 0.35rem 0.6rem; text-align: right; white-space: nowrap;\n"
    "  border-bottom: 1px solid var(--rule); font-weight: 400; }\n"
    "thead th { color: var(--muted); }\n"
    "th:first-child { text-align: left; position: sticky; left: 0;\n"
    "  background: var(--paper); }\n"
    "td small { color: var(--muted); } td.best { font-weight: 650; color: var(--good); }\n"
    ".plots { display: grid; gap: 1rem; margin: 1rem 0;\n"
    "  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)); }\n"
    "figure { margin: 0; padding: 0.9rem 1rem 1rem; background: var(--card);\n"
    "  border: 1px solid var(--rule); border-radius: 6px; break-inside: avoid;\n"
    "  min-width: 0; }\n"
    "figure + figure:not(.plots > figure) { margin-top: 1rem; }\n"
    "figcaption { font-size: 0.875rem; margin-bottom: 0.6rem; }\n"
    "figcaption b { color: var(--ink); font-weight: 650; }\n"
    "svg { display: block; width: 100%; height: auto; }\n"
    "svg text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif;\n"
    "  fill: var(--ink); font-variant-numeric: tabular-nums; }\n"
    "svg .dim { fill: var(--muted); } svg .end { text-anchor: end; }\n"
    "svg .middle { text-anchor: middle; } svg .best { fill: var(--good); font-weight: 650; }\n"
    ".bar { fill: var(--bar); } .bar.best { fill: var(--ours); }\n"
    ".whisker { stroke: var(--ink); stroke-width: 1.5; fill: none; }\n"
    ".run { fill: var(--ink); fill-opacity: 0.35; }\n"
    ".axis { stroke: var(--rule); stroke-width: 1; }\n"
    ".legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; margin: 0.6rem 0 0;\n"
    "  padding: 0; list-style: none; font-size: 0.875rem; }\n"
    ".legend li { margin: 0; }\n"
    ".legend i { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 2px;\n"
    "  margin-right: 0.4em; }\n"
    "@media (max-width: 40rem) { body { padding: 1.5rem 1rem 3rem; }\n"
    "  th, td { padding: 0.35rem; } th { white-space: normal; vertical-align: bottom; }\n"
    "  tbody th { vertical-align: baseline; min-width: 3.5rem; }\n"
    "  dl { grid-template-columns: 1fr; }\n"
    "  dt { margin-top: 0.4rem; font-size: 0.875rem; } figure { padding: 0.75rem; } }\n"
    "@media print { body { padding: 0; max-width: none; } .scroll { overflow: visible; } }\n";

/* ---- Text ---- */

static const char *escape_html(char byte)
{
    switch (byte) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case '"': return "&quot;";
    default: return NULL;
    }
}

void html_text(FILE *out, const char *text)
{
    while (*text) {
        bool is_printable;
        size_t length = text_character(text, &is_printable);
        const char *other = length == 1 ? escape_html(*text) : NULL;
        if (other)
            fputs(other, out);
        else if (is_printable)
            fwrite(text, 1, length, out);
        else
            fputc('?', out);
        text += length;
    }
}

/* Does the word begin with a unit? */
static bool is_unit(const char *word, size_t length)
{
    static const char *const units[] = {"%",   "B", "KiB", "MiB", "GiB",   "TiB",    "PiB",
                                        "EiB", "s", "ms",  "us",  "bytes", "blocks", "runs"};
    while (length > 0 && strchr(".,;:)", word[length - 1]))
        length--;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strlen(units[i]) == length && memcmp(word, units[i], length) == 0)
            return true;
    return false;
}

/* How many bytes, from the word on, must stay on one line: a figure with its unit, or an option
 * with its number; 0 if none. */
static size_t kept_length(const char *word, size_t length)
{
    const char *start = word + (word[0] == '(');
    const char *next = word + length + (word[length] == ' ');
    size_t next_length = strcspn(next, " <");
    bool is_option = strncmp(start, "--", 2) == 0;
    bool is_figure = strspn(start, "0123456789.,") + (size_t)(start - word) == length;
    if (is_figure && length > 0 && is_unit(next, next_length))
        return (size_t)(next - word) + next_length;
    if (is_option && next[0] >= '0' && next[0] <= '9')
        return (size_t)(next - word) + next_length;
    return is_option ? length : 0;
}

void html_keep_figures(FILE *out, const char *html)
{
    while (*html) {
        size_t spaces = strspn(html, " ");
        fwrite(html, 1, spaces, out);
        html += spaces;
        /* a word, or a tag, up to a space or the next tag */
        size_t length = *html ? 1 + strcspn(html + 1, " <") : 0;
        size_t kept = kept_length(html, length);
        if (kept > 0)
            fprintf(out, "<span class=\"nb\">%.*s</span>", (int)kept, html);
        else
            fwrite(html, 1, length, out);
        html += kept > 0 ? kept : length;
    }
}

void html_prose(FILE *out, const char *text)
{
    char *html = NULL;
    size_t size;
    FILE *memory = open_memstream(&html, &size);
    if (memory)
        html_text(memory, text);
    if (memory && fclose(memory) == 0)
        html_keep_figures(out, html);
    else
        html_text(out, text);
    free(html);
}

void html_code(FILE *out, const char *text, size_t most)
{
    char start[256];
    size_t length = strlen(text);
    bool is_cut = length > most || length >= sizeof start;
    size_t kept = is_cut ? (most < sizeof start ? most : sizeof start) - 4 : length;
    /* do not cut inside a UTF-8 character */
    while (is_cut && kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80)
        kept--;
    memcpy(start, text, kept);
    strcpy(start + kept, is_cut ? "..." : "");
    fputs("<code>", out);
    html_text(out, start);
    fputs("</code>", out);
}

/* A quote or a backslash would end or change the string, "</script>" or "<!--" the script. */
void html_script_text(FILE *out, const char *text, size_t most)
{
    const char *start = text;
    fputc('"', out);
    while (*text && (size_t)(text - start) < most) {
        bool is_printable;
        size_t length = text_character(text, &is_printable);
        if (length == 1 && strchr("\"\\<>&'", *text))
            fprintf(out, "\\u%04x", (unsigned)*text);
        else if (is_printable)
            fwrite(text, 1, length, out);
        else
            fputc('?', out);
        text += length;
    }
    fputs(*text ? "...\"" : "\"", out);
}

void html_command(FILE *out, char **argv)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-+=./:,@%^";
    for (size_t i = 0; argv[i]; i++) {
        bool is_plain = argv[i][0] && argv[i][strspn(argv[i], plain)] == '\0';
        fputs(i ? " " : "", out);
        if (!is_plain)
            fputc('\'', out);
        html_text(out, argv[i]);
        if (!is_plain)
            fputc('\'', out);
    }
}

/* ---- The frame ---- */

const char *html_style(void)
{
    return style;
}

void html_begin(FILE *out, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
          out);
    html_text(out, title);
    fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header><h1>", style);
    html_text(out, title);
    fputs("</h1>\n", out);
}

void html_end(FILE *out)
{
    fputs("</main>\n</body>\n</html>\n", out);
}

void html_fact(FILE *out, const char *name, const char *text)
{
    fprintf(out, "<dt>%s</dt><dd>", name);
    html_text(out, text);
    fputs("</dd>\n", out);
}

static void fact_machine(FILE *out)
{
    struct utsname system;
    struct sysinfo memory;
    char text[256];
    uname(&system);
    sysinfo(&memory);
    snprintf(text, sizeof text, "%s %.64s, %s, %ld processors, %s of memory", system.sysname,
             system.release, system.machine, sysconf(_SC_NPROCESSORS_ONLN),
             text_of_size((uint64_t)memory.totalram * memory.mem_unit).bytes);
    html_fact(out, "Machine", text);
}

static void fact_date(FILE *out)
{
    char text[64];
    time_t now = time(NULL);
    struct tm local;
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", localtime_r(&now, &local));
    html_fact(out, "Date", text);
    html_fact(out, "By", "hakmem " HAKMEM_VERSION_STRING);
}

void html_end_header(FILE *out)
{
    fact_machine(out);
    fact_date(out);
    fputs("</dl>\n</header>\n<main>\n", out);
}
