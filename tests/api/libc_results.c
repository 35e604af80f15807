/* SPDX-License-Identifier: MIT */
/*
 * Blocks that libc allocates inside and the program frees or resizes: strdup, getline, asprintf,
 * open_memstream, realpath, scandir, getcwd, regcomp, setenv, qsort, iconv, backtrace_symbols.
 */
#include "check.h"

#include <dirent.h>
#include <execinfo.h>
#include <iconv.h>
#include <regex.h>
#include <search.h>
#include <wchar.h>

static void strings(void)
{
    for (size_t length = 0; length < 200000; length = length * 3 + 1) {
        check_case = length;
        char *text = malloc(length + 1);
        CHECK(text != NULL);
        memset(text, 'x', length);
        text[length] = '\0';
        char *copy = strdup(text);
        CHECK(copy != NULL && strcmp(copy, text) == 0);
        CHECK_GE(malloc_usable_size(opaque(copy)), length + 1);
        copy = realloc(copy, length + 100);
        CHECK(copy != NULL && strcmp(copy, text) == 0);
        free(copy);
        copy = strndup(text, length / 2);
        CHECK(copy != NULL && strlen(copy) == length / 2);
        free(copy);
        char *printed = NULL;
        CHECK_EQ(asprintf(&printed, "%s-%zu", text, length) > (int)length, 1);
        CHECK(strncmp(printed, text, length) == 0);
        free(printed);
        free(text);
    }
    wchar_t *wide = wcsdup(L"wide");
    CHECK(wide != NULL && wcscmp(wide, L"wide") == 0);
    free(wide);
}

static void lines(void)
{
    FILE *file = tmpfile();
    CHECK(file != NULL);
    for (int i = 0; i < 12; i++)
        fprintf(file, "%0*d\n", 1 << i, i);
    rewind(file);
    char *line = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 12; i++) {
        check_case = (size_t)i;
        CHECK_EQ(getline(&line, &capacity, file), (1 << i) + (i >= 10 && (1 << i) < 2) + 1);
        CHECK_EQ(atoi(line), i);
    }
    free(line);
    line = malloc(2); /* a buffer of ours that getline resizes */
    capacity = 2;
    rewind(file);
    while (getline(&line, &capacity, file) > 0)
        ;
    CHECK_GE(malloc_usable_size(opaque(line)), 2049);
    free(line);
    rewind(file);
    char *word = NULL;
    CHECK_EQ(fscanf(file, "%ms", &word), 1);
    CHECK(strcmp(word, "0") == 0);
    free(word);
    fclose(file);
}

static void memory_stream(void)
{
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    CHECK(stream != NULL);
    for (int i = 0; i < 20000; i++)
        fprintf(stream, "%05d", i);
    fclose(stream);
    CHECK_EQ(length, 100000);
    CHECK(strncmp(text + 99995, "19999", 5) == 0);
    free(text);
}

static void paths(void)
{
    char *path = realpath("/proc/self/../self/status", NULL);
    CHECK(path != NULL && strstr(path, "/status") != NULL);
    free(path);
    path = getcwd(NULL, 0);
    CHECK(path != NULL);
    free(path);
    path = canonicalize_file_name("/");
    CHECK(path != NULL && strcmp(path, "/") == 0);
    free(path);
    struct dirent **entries;
    int count = scandir("/etc", &entries, NULL, alphasort);
    CHECK(count > 2);
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void tables(void)
{
    enum { COUNT = 400000 }; /* qsort of this size takes its scratch space from malloc */
    int *numbers = malloc(COUNT * sizeof *numbers);
    CHECK(numbers != NULL);
    uint64_t random = 1;
    for (int i = 0; i < COUNT; i++)
        numbers[i] = (int)(random_next(&random) & 0xffffff);
    qsort(numbers, COUNT, sizeof *numbers, compare_ints);
    for (int i = 1; i < COUNT; i++)
        CHECK_LE(numbers[i - 1], numbers[i]);
    void *tree = NULL;
    for (int i = 0; i < 1000; i++)
        CHECK(tsearch(&numbers[i], &tree, compare_ints) != NULL);
    while (tree != NULL)
        tdelete(*(int **)tree, &tree, compare_ints);
    free(numbers);
    char name[32], value[300];
    memset(value, 'v', sizeof value);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "VARIABLE_%d", i);
        CHECK_EQ(setenv(name, value + i % 200, 1), 0);
    }
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "VARIABLE_%d", i);
        CHECK(getenv(name) != NULL && strcmp(getenv(name), value + i % 200) == 0);
        CHECK_EQ(unsetenv(name), 0);
    }
}

static void others(void)
{
    regex_t expression;
    for (int i = 0; i < 50; i++) {
        CHECK_EQ(regcomp(&expression, "^(a|b)*[0-9]+(x{2,5})?$", REG_EXTENDED), 0);
        CHECK_EQ(regexec(&expression, "abba123xxx", 0, NULL, 0), 0);
        regfree(&expression);
    }
    void *frames[20];
    int count = backtrace(frames, 20);
    char **symbols = backtrace_symbols(frames, count);
    CHECK(symbols != NULL);
    free(symbols);
    iconv_t converter = iconv_open("UTF-8", "UTF-32LE");
    if (converter != (iconv_t)-1)
        iconv_close(converter);
    FILE *pipe = popen("echo hello", "r");
    CHECK(pipe != NULL);
    char text[16] = "";
    CHECK(fgets(text, sizeof text, pipe) != NULL && strcmp(text, "hello\n") == 0);
    CHECK_EQ(pclose(pipe), 0);
}

int main(void)
{
    strings();
    lines();
    memory_stream();
    paths();
    tables();
    others();
    return 0;
}
