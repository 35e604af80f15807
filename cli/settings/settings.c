/* SPDX-License-Identifier: MIT */
/*
 * The table of settings, for the command: checks of --set, and `hakmem settings` as text, as
 * docs/SETTINGS.md and as the ENVIRONMENT section of the manual page. The table itself is
 * HAK_SETTINGS in base/config.h.
 */
#include "settings/settings.h"

#include <argp.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arguments.h"
#include "base/message.h"
#include "base/nearest.h"

#define KEY_MARKDOWN CLI_KEY(1)
#define KEY_MAN CLI_KEY(2)

static const char *const kind_names[] = {
    [KIND_FLAG] = "flag",     [KIND_NUMBER] = "number",     [KIND_BYTES] = "bytes",
    [KIND_MILLIS] = "millis", [KIND_PREFAULT] = "prefault", [KIND_WHEN] = "when",
    [KIND_TEXT] = "path",     [KIND_PAGES] = "pages",       [KIND_CHOICE] = "choice",
};

static const char *const helps[SETTING_ROWS] = {
#define ROW(field, name, kind, initial, min, max, help) help,
    HAK_SETTINGS(ROW)
#undef ROW
};

static const char *help_of(const struct setting_row *row)
{
    return helps[row - setting_rows];
}

static const struct setting_row *find_setting(const char *name, size_t length)
{
    size_t prefix = strlen(SETTING_PREFIX);
    if (length >= prefix && strncasecmp(name, SETTING_PREFIX, prefix) == 0) {
        name += prefix;
        length -= prefix;
    }
    for (size_t i = 0; i < SETTING_ROWS; i++)
        if (strlen(setting_rows[i].name) == length &&
            strncasecmp(setting_rows[i].name, name, length) == 0)
            return &setting_rows[i];
    return NULL;
}

/* The row of that name; if there is none, the command ends. */
static const struct setting_row *need_setting(const char *command, const char *name, size_t length)
{
    const struct setting_row *setting = find_setting(name, length);
    size_t prefix = strlen(SETTING_PREFIX);
    if (setting)
        return setting;
    bool has_prefix = length > prefix && strncasecmp(name, SETTING_PREFIX, prefix) == 0;
    struct nearest nearest = has_prefix ? nearest_begin(name + prefix, length - prefix)
                                        : nearest_begin(name, length);
    for (size_t i = 0; i < SETTING_ROWS; i++)
        nearest_try(&nearest, setting_rows[i].name);
    exit(cli_fail(EXIT_USAGE, "%s: '%.*s' is not a setting%s (see hakmem settings)", command,
                  length > 60 ? 60 : (int)length, name, nearest_text(&nearest, "").bytes));
}

/* The word that a misspelt value probably means. */
static struct nearest_text nearest_value(const struct setting_row *setting, const char *value)
{
    struct nearest nearest = nearest_begin(value, strlen(value));
    for (size_t i = 0; i < SETTING_WORDS; i++)
        if (setting_has_word(setting, &setting_words[i]))
            nearest_try(&nearest, setting_words[i].text);
    return nearest_text(&nearest, "");
}

/* Parse a value as the library does, but accept upper and lower case. */
static bool parse_value(const struct setting_row *setting, const char *text, int64_t *value)
{
    char lower[32];
    size_t length = 0;
    if (setting->kind == KIND_TEXT)
        return text[0] != '\0';
    while (text[length] && length < sizeof lower - 1) {
        lower[length] = (char)tolower((unsigned char)text[length]);
        length++;
    }
    lower[length] = '\0';
    return text[length] == '\0' && setting_parse(setting, lower, value);
}

/* Check NAME=VALUE: returns the row and the value, or ends the command. A path has no number. */
static const struct setting_row *parse_assignment(const char *command, const char *option,
                                                  const char *assignment, int64_t *value)
{
    const char *equals = strchr(assignment, '=');
    size_t length = equals ? (size_t)(equals - assignment) : 0;
    if (length == 0)
        exit(cli_fail(EXIT_USAGE, "%s: '%s%.60s' is not of the form NAME=VALUE", command, option,
                      assignment));
    const struct setting_row *setting = need_setting(command, assignment, length);
    if (!parse_value(setting, equals + 1, value))
        exit(cli_fail(EXIT_USAGE, "%s: " SETTING_PREFIX "%s cannot be '%.60s': expected %s%s",
                      command, setting->name, equals + 1, setting_expectation(setting).bytes,
                      nearest_value(setting, equals + 1).bytes));
    return setting;
}

void settings_export(const char *assignment)
{
    int64_t value = 0;
    char name[64];
    const struct setting_row *setting = parse_assignment("hakmem run", "--set ", assignment,
                                                         &value);
    snprintf(name, sizeof name, SETTING_PREFIX "%s", setting->name);
    cli_export(name, setting->kind == KIND_TEXT ? strchr(assignment, '=') + 1
                                                : setting_write(setting, value).bytes);
}

void settings_parse_live(const char *command, const char *assignment, unsigned *live,
                         int64_t *value)
{
    const struct setting_row *setting = parse_assignment(command, "", assignment, value);
    for (*live = 0; *live < LIVE_COUNT; ++*live)
        if (setting_live_row(*live) == setting)
            return;
    exit(cli_fail(EXIT_USAGE,
                  "%s: " SETTING_PREFIX "%s can be set at a process's start only, in its "
                  "environment",
                  command, setting->name));
}

bool settings_value(const struct settings *of, const struct setting_row *row, char *text,
                    size_t size)
{
    const char *field = (const char *)of + row->offset;
    if (row->kind == KIND_TEXT) {
        snprintf(text, size, "%.*s", SETTING_TEXT_MAX - 1, field[0] ? field : "none");
        return field[0] == '\0';
    }
    int64_t value;
    memcpy(&value, field, sizeof value);
    snprintf(text, size, "%s", setting_write(row, value).bytes);
    return value == row->initial;
}

/* ---- hakmem settings ---- */

static void print_head(void)
{
    printf("%-30s  %-8s  %-7s  %s\n", "NAME", "KIND", "DEFAULT", "RANGE");
}

static void print_one(const struct setting_row *setting)
{
    printf("%s%-*s  %-8s  %-7s  %s\n    %s\n", SETTING_PREFIX, 30 - (int)strlen(SETTING_PREFIX),
           setting->name, kind_names[setting->kind], setting_write(setting, setting->initial).bytes,
           setting_range(setting).bytes, help_of(setting));
}

static void print_text(void)
{
    print_head();
    for (size_t i = 0; i < SETTING_ROWS; i++)
        print_one(&setting_rows[i]);
}

static void print_markdown(void)
{
    puts(
        "# Settings\n\n"
        "<!-- Written by `hakmem settings --markdown` from the table in src/base/config.h. -->\n\n"
        "Each setting is an environment variable. The library reads it once, when the process\n"
        "starts. `hakmem set PID NAME=VALUE` changes some of them later: `man hakmem` says which.\n"
        "\n"
        "If a value is of the wrong kind or out of its range, one line on standard error says so,\n"
        "and the default holds. Such a line also names a variable that begins with `HAKMEM_` and\n"
        "is not a setting. A process does not repeat the line if its parent was started with the\n"
        "same variable and the same `LD_PRELOAD`. `hakmem run --set NAME=VALUE` checks the value\n"
        "before it runs the program; the prefix `HAKMEM_` may be left out there.\n\n"
        "| Setting | Kind | Default | Range | What it does |\n"
        "| --- | --- | --- | --- | --- |");
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const struct setting_row *setting = &setting_rows[i];
        printf("| `" SETTING_PREFIX "%s` | %s | %s | %s | %s |\n", setting->name,
               kind_names[setting->kind], setting_write(setting, setting->initial).bytes,
               setting_range(setting).bytes, help_of(setting));
    }
    puts("\n"
         "Kinds: a *flag* is 0 or 1. *bytes* is a number, after which K, M or G (powers of 1024)\n"
         "may follow. *millis* is a number of milliseconds; -1 means never. *prefault* is 0, 1, 2\n"
         "or `auto`. *pages* is `off`, `auto` or `always`, or 0, 1, 2 for these. *choice* is 1\n"
         "(yes), 0 (no) or `auto` (the library decides). *when* is `exit`, `interval` or 0\n"
         "(never). A *path* is taken as it is.");
}

/* Print text as troff source: hyphens and backslashes stay as they are. */
static void print_troff(const char *text)
{
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", stdout);
        else if (*text == '\\')
            fputs("\\e", stdout);
        else
            putchar(*text);
    }
}

static void print_man(void)
{
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const struct setting_row *setting = &setting_rows[i];
        /* \& : a line of text must not begin with a control character */
        printf(".TP\n.B " SETTING_PREFIX "%s\n\\&", setting->name);
        print_troff(help_of(setting));
        printf(".\nExpected: ");
        print_troff(setting_expectation(setting).bytes);
        printf(".\nDefault: ");
        print_troff(setting_write(setting, setting->initial).bytes);
        puts(".");
    }
}

struct settings_input {
    void (*print)(void);
    const struct setting_row *only; /* NULL: all of them */
};

static error_t parse_settings(int key, char *argument, struct argp_state *state)
{
    struct settings_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_MARKDOWN: input->print = print_markdown; return 0;
    case KEY_MAN: input->print = print_man; return 0;
    case ARGP_KEY_ARG:
        if (input->only)
            exit(cli_fail(EXIT_USAGE, "hakmem settings: '%.60s' is one word too many", argument));
        input->only = need_setting("hakmem settings", argument, strlen(argument));
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

int settings_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"markdown", KEY_MARKDOWN, NULL, 0, "print docs/SETTINGS.md", 0},
        {"man", KEY_MAN, NULL, 0, "print the settings as part of a manual page", 0},
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_settings,
        .args_doc = "[NAME]",
        .doc = "List the HAKMEM_* settings, or the one that is named: environment variables that "
               "the allocator reads when a process starts."
               "\vKinds:\n"
               "  flag      0 or 1\n"
               "  number    a whole number\n"
               "  bytes     a number of bytes; K, M or G (powers of 1024) may follow\n"
               "  millis    a number of milliseconds; -1 means never\n"
               "  prefault  0, 1, 2, or auto: the library decides\n"
               "  pages     off, auto or always; or 0, 1, 2 for these\n"
               "  choice    1 (yes), 0 (no), or auto: the library decides\n"
               "  when      exit, interval, or 0: never\n"
               "  path      a path, taken as it is",
    };
    struct settings_input input = {.print = print_text};
    cli_parse(&argp, argc, argv, &input);
    if (input.only && input.print != print_text)
        return cli_fail(EXIT_USAGE,
                        "hakmem settings: --markdown and --man print all settings, "
                        "not HAKMEM_%s alone",
                        input.only->name);
    if (!input.only) {
        input.print();
        return EXIT_SUCCESS;
    }
    print_head();
    print_one(input.only);
    return EXIT_SUCCESS;
}
