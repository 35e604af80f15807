/* SPDX-License-Identifier: MIT */
/*
 * The page of all processes, with its script and style. The page may load only these two and
 * /processes, whose contents it shows as text, never as HTML.
 */
#include "serve/page_list.h"

#include "base/html.h"

/* serve.css and serve.js, by CMakeLists.txt */
extern const char serve_css[];
extern const char serve_js[];

void page_list(FILE *out)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<link rel=\"stylesheet\" href=\"/style.css\">\n"
          "<title>Memory of this machine's processes</title>\n</head>\n<body>\n"
          "<header><h1>Memory of this machine's processes</h1>\n"
          "<p>The processes that run on HAKMEM and that the server may read. It reads their "
          "figures from outside, every two seconds; nothing runs in them. The link in the first "
          "column leads to a page about a process, the one in the last column to its "
          "profile.</p>\n</header>\n<main>\n"
          "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Processes\">"
          "<table id=\"processes\"></table></div>\n"
          "<p class=\"note\" id=\"note\" aria-live=\"off\">Looking ...</p>\n"
          "<ul class=\"note\" id=\"unreadable\"></ul>\n"
          "<noscript><p>The table needs JavaScript; <a href=\"/processes\">/processes</a> has the "
          "same as JSON.</p></noscript>\n"
          "<p class=\"note\">For programs: <a href=\"/metrics\">/metrics</a>, "
          "<a href=\"/processes\">/processes</a>, /debug/pprof/heap, /debug/pprof/allocs.</p>\n"
          "<script src=\"/script.js\"></script>\n",
          out);
    html_end(out);
}

void page_script(FILE *out)
{
    fputs(serve_js, out);
}

void page_style(FILE *out)
{
    fputs(html_style(), out);
    fputs(serve_css, out);
}
