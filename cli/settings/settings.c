/* SPDX-License-Identifier: MIT */
/*
 * The table of settings as the command sees it: checks of --set, and `hakmem settings` as text, as
 * docs/SETTINGS.md and as the ENVIRONMENT section of the manual page. The table itself is
 * HAK_SETTINGS of base/config.h. Called by main.c and run.c.
 */
#include "settings/settings.h"

#include <argp.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arguments.h"
#include "base/message.h"
#include "base/nearest.h"
#include "os/os.h"

#define KEY_MARKDOWN CLI_KEY(1)
#define KEY_MAN CLI_KEY(2)

static const char *const kind_names[] = {
    [KIND_FLAG] = "flag",     [KIND_NUMBER] = "number",     [KIND_BYTES] = "bytes",
    [KIND_MILLIS] = "millis", [KIND_PREFAULT] = "prefault", [KIND_WHEN] = "when",
    [KIND_TEXT] = "path",     [KIND_PAGES] = "pages",       [KIND_CHOICE] = "choice",
};

struct setting {
    const char *name; /* without the prefix */
    enum setting_kind kind;
    int64_t fallback;
    int64_t min;
    int64_t max;
    const char *help;
    size_t offset; /* in struct settings */
};

static const struct setting table[] = {
#define ROW(field, name, kind, fallback, min, max, help)                                           \
    {name,                                                                                         \
     KIND_##kind,                                                                                  \
     (int64_t)(fallback),                                                                          \
     (int64_t)(min),                                                                               \
     (int64_t)(max),                                                                               \
     help,                                                                                         \
     offsetof(struct settings, field)},
    HAK_SETTINGS(ROW)
#undef ROW
};
static const char *const pages_words[] = {"off", "auto", "always"};
#define SETTING_COUNT (sizeof table / sizeof table[0])

/* ---- Values as text: what the columns and the messages say ---- */

struct text {
    char bytes[128];
};

/* A number of bytes as one would type it: 64M, 1024G. */
static struct text text_of_bytes(int64_t value)
{
    static const char suffixes[] = {'\0', 'K', 'M', 'G'};
    size_t step = 0;
    while (value != 0 && value % 1024 == 0 && step + 1 < sizeof suffixes) {
        value /= 1024;
        step++;
    }
    struct text text;
    if (value < 0) {
        snprintf(text.bytes, sizeof text.bytes, "%" PRId64 "%%", -value);
        return text;
    }
    char suffix[2] = {suffixes[step], '\0'};
    snprintf(text.bytes, sizeof text.bytes, "%" PRId64 "%s", value, suffix);
    return text;
}

/* A kind whose largest value is written as `auto`. */
static bool has_auto(const struct setting *setting)
{
    return setting->kind == KIND_PREFAULT || setting->kind == KIND_CHOICE;
}

static struct text text_of_value(const struct setting *setting, int64_t value)
{
    struct text text = {"none"};
    if (setting->kind == KIND_BYTES && (value != 0 || setting->min == 0))
        return text_of_bytes(value);
    if (has_auto(setting) && value == setting->max)
        return (struct text){"auto"};
    /* a value of a damaged heap may be any */
    if (setting->kind == KIND_PAGES && value >= setting->min && value <= setting->max)
        snprintf(text.bytes, sizeof text.bytes, "%s", pages_words[value]);
    else if (setting->kind != KIND_TEXT && setting->kind != KIND_BYTES)
        snprintf(text.bytes, sizeof text.bytes, "%" PRId64, value);
    return text;
}

static struct text text_of_range(const struct setting *setting)
{
    struct text text = {"a path"};
    if (setting->kind == KIND_FLAG)
        return (struct text){"0 or 1"};
    if (setting->kind == KIND_PREFAULT)
        return (struct text){"0, 1, 2 or auto"};
    if (setting->kind == KIND_CHOICE)
        return (struct text){"auto, 0 or 1"};
    if (setting->kind == KIND_PAGES)
        return (struct text){"off, auto or always"};
    if (setting->kind == KIND_WHEN)
        return (struct text){"exit, interval or 0"};
    if (setting->kind == KIND_BYTES && setting->min < 0)
        return (struct text){"0 to 1024G, 1% to 100%, none"};
    if (setting->kind != KIND_TEXT)
        snprintf(text.bytes, sizeof text.bytes, "%.24s to %.24s",
                 text_of_value(setting, setting->min).bytes,
                 text_of_value(setting, setting->max).bytes);
    return text;
}

static struct text text_of_expectation(const struct setting *setting)
{
    static const char *const introductions[] = {
        [KIND_NUMBER] = "a number, ",
        [KIND_BYTES] = "bytes (K, M or G may follow), ",
        [KIND_MILLIS] = "milliseconds, ",
    };
    struct text text;
    const char *before = setting->kind <= KIND_MILLIS ? introductions[setting->kind] : NULL;
    snprintf(text.bytes, sizeof text.bytes, "%s%s", before ? before : "",
             text_of_range(setting).bytes);
    return text;
}

/* ---- Values from text ---- */

/* A whole decimal number; where it can have a suffix, one of K, M and G after it. */
static bool parse_number(const char *text, bool has_suffix, int64_t *out)
{
    const char *digits = text + (text[0] == '-');
    if (!isdigit((unsigned char)digits[0]))
        return false;
    char *end;
    errno = 0;
    int64_t value = strtoll(text, &end, 10);
    if (errno == ERANGE)
        return false;
    int64_t unit = 1;
    if (has_suffix && *end) {
        const char *letters = "KMG";
        const char *letter = strchr(letters, toupper((unsigned char)*end));
        if (!letter)
            return false;
        unit = (int64_t)1 << (10 * (letter - letters + 1));
        end++;
    }
    return *end == '\0' && !__builtin_mul_overflow(value, unit, out);
}

/* The value in the form that the library reads; false when it is not of the kind or the range. */
static bool parse_value(const struct setting *setting, const char *text, struct text *out)
{
    if (has_auto(setting) && strcasecmp(text, "auto") == 0) {
        *out = (struct text){"auto"};
        return true;
    }
    for (int i = 0; setting->kind == KIND_PAGES && i <= HUGE_PAGES_ALWAYS; i++)
        if (strcasecmp(text, pages_words[i]) == 0) {
            snprintf(out->bytes, sizeof out->bytes, "%d", i);
            return true;
        }
    if (setting->kind == KIND_WHEN &&
        (strcasecmp(text, "exit") == 0 || strcasecmp(text, "interval") == 0)) {
        *out = tolower((unsigned char)text[0]) == 'e' ? (struct text){"exit"}
                                                      : (struct text){"interval"};
        return true;
    }
    if (setting->kind == KIND_BYTES && setting->min < 0 && strcasecmp(text, "none") == 0) {
        *out = (struct text){"0"};
        return true;
    }
    int64_t max = has_auto(setting) ? setting->max - 1 : setting->max;
    int64_t value;
    size_t length = strlen(text);
    if (setting->kind == KIND_BYTES && setting->min < 0 && length > 1 &&
        length < sizeof out->bytes && text[length - 1] == '%') {
        snprintf(out->bytes, sizeof out->bytes, "%.*s", (int)length - 1, text);
        if (!parse_number(out->bytes, false, &value))
            return false;
        snprintf(out->bytes, sizeof out->bytes, "%s", text);
        return value > 0 && -value >= setting->min;
    }
    if (!parse_number(text, setting->kind == KIND_BYTES, &value) ||
        (setting->kind == KIND_BYTES && value < 0))
        return false;
    snprintf(out->bytes, sizeof out->bytes, "%" PRId64, value);
    return value >= setting->min && value <= max;
}

static const struct setting *find_setting(const char *name, size_t length)
{
    size_t prefix = strlen(SETTING_PREFIX);
    if (length >= prefix && strncasecmp(name, SETTING_PREFIX, prefix) == 0) {
        name += prefix;
        length -= prefix;
    }
    for (size_t i = 0; i < SETTING_COUNT; i++)
        if (strlen(table[i].name) == length && strncasecmp(table[i].name, name, length) == 0)
            return &table[i];
    return NULL;
}

/* The row of that name, or the end of the command. */
static const struct setting *need_setting(const char *command, const char *name, size_t length)
{
    const struct setting *setting = find_setting(name, length);
    size_t prefix = strlen(SETTING_PREFIX);
    if (setting)
        return setting;
    bool has_prefix = length > prefix && strncasecmp(name, SETTING_PREFIX, prefix) == 0;
    struct nearest nearest = has_prefix ? nearest_begin(name + prefix, length - prefix)
                                        : nearest_begin(name, length);
    for (size_t i = 0; i < SETTING_COUNT; i++)
        nearest_try(&nearest, table[i].name);
    exit(cli_fail(EXIT_USAGE, "%s: '%.*s' is no setting%s (see hakmem settings)", command,
                  length > 60 ? 60 : (int)length, name, nearest_text(&nearest, "").bytes));
}

/* The word that a misspelt value may stand for. */
static struct nearest_text nearest_value(const struct setting *setting, const char *value)
{
    struct nearest nearest = nearest_begin(value, strlen(value));
    if (has_auto(setting))
        nearest_try(&nearest, "auto");
    for (int i = 0; setting->kind == KIND_PAGES && i <= HUGE_PAGES_ALWAYS; i++)
        nearest_try(&nearest, pages_words[i]);
    if (setting->kind == KIND_WHEN) {
        nearest_try(&nearest, "exit");
        nearest_try(&nearest, "interval");
    }
    if (setting->kind == KIND_BYTES && setting->min < 0)
        nearest_try(&nearest, "none");
    return nearest_text(&nearest, "");
}

/* The row that NAME=VALUE names, and the value, checked; or the end of the command. A path has no
 * number. */
static const struct setting *parse_assignment(const char *command, const char *option,
                                              const char *assignment, struct text *number)
{
    const char *equals = strchr(assignment, '=');
    size_t length = equals ? (size_t)(equals - assignment) : 0;
    if (length == 0)
        exit(cli_fail(EXIT_USAGE, "%s: '%s%.60s' is not of the form NAME=VALUE", command, option,
                      assignment));
    const struct setting *setting = need_setting(command, assignment, length);
    const char *value = equals + 1;
    if (setting->kind == KIND_TEXT ? value[0] == '\0' : !parse_value(setting, value, number))
        exit(cli_fail(EXIT_USAGE, "%s: " SETTING_PREFIX "%s cannot be '%.60s': expected %s%s",
                      command, setting->name, value, text_of_expectation(setting).bytes,
                      nearest_value(setting, value).bytes));
    return setting;
}

void settings_export(const char *assignment)
{
    struct text number;
    char name[64];
    const struct setting *setting = parse_assignment("hakmem run", "--set ", assignment, &number);
    snprintf(name, sizeof name, SETTING_PREFIX "%s", setting->name);
    cli_export(name, setting->kind == KIND_TEXT ? strchr(assignment, '=') + 1 : number.bytes);
}

/* The places of the settings that may change, in struct settings. */
static const size_t live_offsets[LIVE_COUNT] = {
#define FIELD(field) offsetof(struct settings, field),
    HAK_LIVE_SETTINGS(FIELD)
#undef FIELD
};

void settings_parse_live(const char *command, const char *assignment, unsigned *live,
                         int64_t *value)
{
    struct text number;
    const struct setting *setting = parse_assignment(command, "", assignment, &number);
    for (*live = 0; *live < LIVE_COUNT; ++*live)
        if (live_offsets[*live] == setting->offset)
            break;
    if (*live == LIVE_COUNT)
        exit(cli_fail(EXIT_USAGE,
                      "%s: " SETTING_PREFIX "%s can be set at a process's start only, in its "
                      "environment",
                      command, setting->name));
    *value = strcmp(number.bytes, "auto") == 0 ? setting->max : strtoll(number.bytes, NULL, 10);
    if (strchr(number.bytes, '%'))
        *value = -*value;
}

size_t settings_live_row(unsigned live)
{
    size_t row = 0;
    while (table[row].offset != live_offsets[live])
        row++;
    return row;
}

const char *settings_name(size_t row)
{
    return row < SETTING_COUNT ? table[row].name : NULL;
}

void settings_write_value(size_t row, int64_t value, char *text, size_t size)
{
    snprintf(text, size, "%s", text_of_value(&table[row], value).bytes);
}

bool settings_value(const struct settings *of, size_t row, char *text, size_t size)
{
    const struct setting *setting = &table[row];
    const char *field = (const char *)of + setting->offset;
    if (setting->kind == KIND_TEXT) {
        snprintf(text, size, "%.*s", SETTING_TEXT_MAX - 1, field[0] ? field : "none");
        return field[0] == '\0';
    }
    int64_t value;
    memcpy(&value, field, sizeof value);
    settings_write_value(row, value, text, size);
    return value == setting->fallback;
}

/* ---- hakmem settings ---- */

static void print_head(void)
{
    printf("%-30s  %-8s  %-7s  %s\n", "NAME", "KIND", "DEFAULT", "RANGE");
}

static void print_one(const struct setting *setting)
{
    printf("%s%-*s  %-8s  %-7s  %s\n    %s\n", SETTING_PREFIX, 30 - (int)strlen(SETTING_PREFIX),
           setting->name, kind_names[setting->kind],
           text_of_value(setting, setting->fallback).bytes, text_of_range(setting).bytes,
           setting->help);
}

static void print_text(void)
{
    print_head();
    for (size_t i = 0; i < SETTING_COUNT; i++)
        print_one(&table[i]);
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
        "is no setting. A process does not repeat the line if its parent was started with the\n"
        "same variable and the same `LD_PRELOAD`. `hakmem run --set NAME=VALUE` checks the value\n"
        "before it runs the program; the prefix `HAKMEM_` may be left out there.\n\n"
        "| Setting | Kind | Default | Range | What it does |\n"
        "| --- | --- | --- | --- | --- |");
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &table[i];
        printf("| `" SETTING_PREFIX "%s` | %s | %s | %s | %s |\n", setting->name,
               kind_names[setting->kind], text_of_value(setting, setting->fallback).bytes,
               text_of_range(setting).bytes, setting->help);
    }
    puts("\n"
         "Kinds: a *flag* is 0 or 1. *bytes* is a number, after which K, M or G (powers of 1024)\n"
         "may follow. *millis* is a number of milliseconds; -1 means never. *prefault* is 0, 1, 2\n"
         "or `auto`. *pages* is `off`, `auto` or `always`, or 0, 1, 2 for these. *choice* is 1\n"
         "(yes), 0 (no) or `auto` (the library decides). *when* is `exit`, `interval` or 0\n"
         "(never). A *path* is taken as it is.");
}

/* Text as troff source: a hyphen stays a hyphen-minus, a backslash stays one. */
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
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const struct setting *setting = &table[i];
        /* \& : a line of text never begins with a control character */
        printf(".TP\n.B " SETTING_PREFIX "%s\n\\&", setting->name);
        print_troff(setting->help);
        printf(".\nExpected: ");
        print_troff(text_of_expectation(setting).bytes);
        printf(".\nDefault: ");
        print_troff(text_of_value(setting, setting->fallback).bytes);
        puts(".");
    }
}

struct settings_input {
    void (*print)(void);
    const struct setting *only; /* NULL: all of them */
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
